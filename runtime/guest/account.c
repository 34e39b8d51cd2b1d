/* Reading /etc/passwd and /etc/group, see account.h. Not getpwnam(): a static program must not load
 * name service modules of the image. */
#include "runtime/guest/account.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>

#define FIELDS_MAX 7

/* Cuts a line at its colons; returns how many fields there are. */
static size_t split_fields(char *line, char *fields[FIELDS_MAX])
{
    size_t count = 0;
    line[strcspn(line, "\n")] = '\0';
    while (line && count < FIELDS_MAX)
        fields[count++] = strsep(&line, ":");
    return count;
}

static bool names_entry(const char *wanted, const char *name, const char *number)
{
    return streq(wanted, name) || streq(wanted, number);
}

static void find_user(const char *wanted, struct account *account, char **ret_name)
{
    FILE *file = fopen("/etc/passwd", "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (file && !*ret_name && getline(&line, &size, file) >= 0) {
        char *fields[FIELDS_MAX];
        uint32_t uid, gid;
        if (split_fields(line, fields) < 6 || !names_entry(wanted, fields[0], fields[2]) ||
            str_to_u32(fields[2], &uid) < 0 || str_to_u32(fields[3], &gid) < 0)
            continue;
        account->uid = uid;
        account->gid = gid;
        if (fields[5][0] == '/') {
            free(account->home);
            account->home = xstrdup(fields[5]);
        }
        *ret_name = xstrdup(fields[0]);
    }
    if (file)
        fclose(file);
}

static bool list_contains(char *list, const char *name)
{
    char *item;
    while ((item = strsep(&list, ",")))
        if (streq(item, name))
            return true;
    return false;
}

/* wanted: look for this group; member: collect the groups that name this user. */
static bool find_groups(const char *wanted, const char *member, struct account *account)
{
    FILE *file = fopen("/etc/group", "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (file && !found && getline(&line, &size, file) >= 0) {
        char *fields[FIELDS_MAX];
        uint32_t gid;
        size_t count = split_fields(line, fields);
        if (count < 3 || str_to_u32(fields[2], &gid) < 0)
            continue;
        if (wanted && names_entry(wanted, fields[0], fields[2])) {
            account->gid = gid;
            found = true;
        }
        if (member && count > 3 && account->group_count < ACCOUNT_GROUPS_MAX &&
            list_contains(fields[3], member))
            account->groups[account->group_count++] = gid;
    }
    if (file)
        fclose(file);
    return found;
}

static int resolve_user(const char *user, struct account *account, char **ret_name,
                        struct error *err)
{
    uint32_t uid;
    find_user(user, account, ret_name);
    if (*ret_name)
        return 0;
    if (str_to_u32(user, &uid) < 0)
        return error_set(err, ENOENT, "unable to find user \"%s\": no entry in /etc/passwd", user);
    account->uid = uid;
    return 0;
}

static int resolve_group(const char *group, struct account *account, struct error *err)
{
    uint32_t gid;
    if (find_groups(group, NULL, account))
        return 0;
    if (str_to_u32(group, &gid) < 0)
        return error_set(err, ENOENT, "unable to find group \"%s\": no entry in /etc/group", group);
    account->gid = gid;
    return 0;
}

/* The primary group is one of the supplementary ones too, as containers have it: a program that
 * drops its primary group must not gain what a file's mode withholds from that group. */
static void add_primary_group(struct account *account)
{
    for (size_t i = 0; i < account->group_count; i++)
        if (account->groups[i] == account->gid)
            return;
    if (account->group_count == ACCOUNT_GROUPS_MAX)
        account->group_count--;
    memmove(account->groups + 1, account->groups, account->group_count * sizeof(*account->groups));
    account->groups[0] = account->gid;
    account->group_count++;
}

int account_resolve(const char *text, struct account *ret_account, struct error *err)
{
    struct account account = {.home = xstrdup("/")};
    _cleanup_free_ char *copy = xstrdup(text), *name = NULL;
    char *group = strchr(copy, ':');
    if (group)
        *group++ = '\0';
    int result = resolve_user(*copy ? copy : "0", &account, &name, err);
    if (result == 0 && group && *group)
        result = resolve_group(group, &account, err);
    else if (result == 0 && name)
        find_groups(NULL, name, &account);
    if (result < 0) {
        account_done(&account);
        return result;
    }
    add_primary_group(&account);
    *ret_account = account;
    return 0;
}

void account_done(struct account *account)
{
    free(account->home);
    account->home = NULL;
}
