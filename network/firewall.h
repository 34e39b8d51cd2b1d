/* The nftables ruleset of one vmstead root: struct desired -> text (pure, golden-tested) -> one
 * atomic transaction through libnftables, in-process. Never touches another program's table, with
 * one exception: where Docker has set the FORWARD policy to drop, a drop nobody else's accept can
 * lift, two accept rules for our bridges go into the chain Docker offers for that (DOCKER-USER),
 * marked with our table's name, and go again with the last network. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "network/desired.h"

/* The whole ruleset: tables `inet vmstead_<root_id>` and `bridge vmstead_<root_id>` replaced, or,
 * with no network, removed. */
void firewall_format(const struct desired *desired, struct strbuf *text);
/* The first line of what libnftables says, without positions and without the command. */
char *firewall_cut_error(const char *text);

/* Whether nftables answers at all (1 ms); for check(). */
int firewall_probe(struct error *err);
/* Blocking (20 ms). Connections that are already translated live on. */
int firewall_apply(const struct desired *desired, struct error *err);
/* Whether a table of this root exists; needs CAP_NET_ADMIN, false without it. */
bool firewall_exists(const char *root_id);
/* Both tables do. */
bool firewall_is_whole(const char *root_id);
/* The "nftables" array of a JSON listing ("list chains"); NULL where the command fails (nothing to
 * list). Owned by the caller. */
cJSON *firewall_list(const char *command);
/* Docker's chain for rules of others is there. */
bool firewall_has_docker_chain(void);
/* The ruleset, loaded in the calling thread's own network namespace. */
int firewall_try(const struct desired *desired, struct error *err);
/* Both tables of this root are there, and no chain of theirs is empty; else the error says what is
 * gone. Blocking (milliseconds). */
int firewall_check_tables(const char *root_id, struct error *err);
/* An element of a set or map of this root's table as nft prints it; NULL where there is none. Owned
 * by the caller. */
char *firewall_get_element(const char *root_id, const char *family, const char *set,
                           const char *key);
