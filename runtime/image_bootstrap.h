/* A root filesystem from a distribution's packages: what x-vmstead's `bootstrap` says -> a key for
 * the cache and the arguments of mmdebstrap(1). Used by image_store.c.
 *
 * Mirrors and keyrings are the host's own: apt-get tells its index targets, and those of the wanted
 * suite are used; for another suite than the host's, the host's mirrors with the suite's name.
 * Documentation (but copyright files) and translations are left out by dpkg's path-exclude, as in
 * Debian's own slim images: half of a small image, and packages that are added later follow it. */
#pragma once

#include "base/hash.h"
#include "base/json.h"

struct image_bootstrap;

/* spec: {"suite":S, "packages":[S], "files":{PATH:{"content":S | "source":PATH,
 * "mode":N or octal S}}, "copy":[{"source":absolute path of the host,"target":absolute path}],
 * "run":[shell command]}. First packages, then files, copies and commands; of those two only the
 * order matters. -EINVAL says what is wrong. */
int image_bootstrap_parse(const cJSON *spec, struct image_bootstrap **ret_bootstrap,
                          struct error *err);
void image_bootstrap_free(struct image_bootstrap *bootstrap);
DEFINE_FREEP(struct image_bootstrap *, image_bootstrap_free)

const char *image_bootstrap_suite(const struct image_bootstrap *bootstrap);

/* Hash of the normalised description with the content of what comes from the host. Blocking. */
int image_bootstrap_key(const struct image_bootstrap *bootstrap, char key[HASH_HEX_SIZE],
                        struct error *err);

/* mmdebstrap's command line, run in the folder where `rootfs` is to be. targets, codename:
 * image_mirrors.h. Owned by the caller. Reads the host's sources lists. */
int image_bootstrap_argv(const struct image_bootstrap *bootstrap, const char *targets,
                         const char *codename, char ***ret_argv, struct error *err);

/* What a line of mmdebstrap's stderr says about its progress; NULL: nothing worth showing. */
const char *image_bootstrap_progress(const char *line);

/* Puts `files` and copies into the new root filesystem; never outside of it, whatever symlinks it
 * has. Blocking. */
int image_bootstrap_write_files(const struct image_bootstrap *bootstrap, const char *rootfs,
                                struct error *err);

/* The commands, NULL-terminated, borrowed; NULL: none. */
char *const *image_bootstrap_commands(const struct image_bootstrap *bootstrap);
/* Runs a command in the root filesystem `rootfs` of the working directory: chrooted, with mounts
 * and processes of its own that go with it, on the host's network. Owned by the caller. */
char **image_bootstrap_command_argv(const char *command);
/* What commands need for a while, before the first: name servers, and no services that start.
 * image_bootstrap_leave() takes it away again. Blocking. */
int image_bootstrap_enter(struct image_bootstrap *bootstrap, const char *rootfs, struct error *err);
int image_bootstrap_leave(struct image_bootstrap *bootstrap, const char *rootfs, struct error *err);
/* {"architecture","config"} for image_cache_install(). */
cJSON *image_bootstrap_image(void);
