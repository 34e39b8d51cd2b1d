/* Name files of the guest, see etc_files.h. */
#include "runtime/guest/etc_files.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY "/etc/.vmstead.new"

static int write_file(const char *path, const struct strbuf *content, struct error *err)
{
    unlink(TEMPORARY);
    int fd = open(TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool good = fd >= 0 && (!content->length ||
                            write(fd, content->data, content->length) == (ssize_t)content->length);
    if (fd >= 0)
        close(fd);
    if (!good || rename(TEMPORARY, path) < 0)
        return error_set(err, errno, "cannot write \"%s\": %s", path, strerror(errno));
    return 0;
}

/* Whether a line "ADDRESS NAME..." has the name. */
static bool line_names(const char *line, const char *name)
{
    size_t length = strlen(name);
    for (const char *word = line + strcspn(line, " \t"); *word; word += strcspn(word, " \t")) {
        word += strspn(word, " \t");
        if (strncmp(word, name, length) == 0 && strcspn(word, " \t") == length)
            return true;
    }
    return false;
}

/* A guest whose hosts file lacks its own name waits for DNS at every look-up of itself. */
static void fill_hosts(const struct identity *identity, struct strbuf *text)
{
    strbuf_add_str(text, "127.0.0.1\tlocalhost\n"
                         "::1\tlocalhost ip6-localhost ip6-loopback\n"
                         "fe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n"
                         "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
    bool named = !*identity->hostname;
    for (char **line = identity->hosts; line && *line; line++) {
        strbuf_addf(text, "%s\n", *line);
        named = named || line_names(*line, identity->hostname);
    }
    if (named)
        return;
    const char *address = "127.0.1.1";
    if (identity->interfaces.count && identity->interfaces.items[0].addresses.count &&
        identity->interfaces.items[0].addresses.items[0].address)
        address = identity->interfaces.items[0].addresses.items[0].address;
    strbuf_addf(text, "%s\t%s\n", address, identity->hostname);
}

static void add_words(struct strbuf *text, const char *keyword, char *const *words)
{
    if (!words || !*words)
        return;
    strbuf_add_str(text, keyword);
    for (; *words; words++)
        strbuf_addf(text, " %s", *words);
    strbuf_add_str(text, "\n");
}

/* resolv.conf(5) */
static void fill_resolv_conf(const struct identity *identity, struct strbuf *text)
{
    for (char **server = identity->dns; server && *server; server++)
        strbuf_addf(text, "nameserver %s\n", *server);
    add_words(text, "search", identity->search);
    add_words(text, "options", identity->resolver_options);
}

int etc_files_write(const struct identity *identity, struct error *err)
{
    _cleanup_strbuf_ struct strbuf hostname = {0}, hosts = {0}, resolv_conf = {0};
    mkdir("/etc", 0755);
    strbuf_addf(&hostname, "%s\n", identity->hostname);
    fill_hosts(identity, &hosts);
    fill_resolv_conf(identity, &resolv_conf);
    int result = write_file("/etc/hostname", &hostname, err);
    if (result == 0)
        result = write_file("/etc/hosts", &hosts, err);
    if (result == 0)
        result = write_file("/etc/resolv.conf", &resolv_conf, err);
    return result;
}
