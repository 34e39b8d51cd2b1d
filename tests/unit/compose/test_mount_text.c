#include "compose/mount_text.h"

#include "../unit.h"

#include "base/str.h"

/* The parts as one text; the problem where it is refused. */
static const char *take(struct arena *arena, const char *text)
{
    struct mount_text mount = {0};
    const char *problem = mount_text_parse(arena, text, &mount);
    if (problem)
        return problem;
    return arena_printf(arena, "%s>%s%s%s%s%s%s%s", mount.source ? mount.source : "", mount.target,
                        mount.read_only ? " ro" : "", mount.nocopy ? " nocopy" : "",
                        mount.selinux ? " selinux=" : "", mount.selinux ? mount.selinux : "",
                        mount.unknown ? " unknown=" : "", mount.unknown ? mount.unknown : "");
}

static void short_volumes_come_apart(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    assert_string_equal(take(arena, "/data"), ">/data");
    assert_string_equal(take(arena, "data:/data"), "data>/data");
    assert_string_equal(take(arena, "./a:/b:ro"), "./a>/b ro");
    assert_string_equal(take(arena, "vol:/b:rw,nocopy,Z,rslave,cached"), "vol>/b nocopy selinux=Z");
    assert_string_equal(take(arena, "vol:/b:ro,what,more"), "vol>/b ro unknown=what");
    assert_string_equal(take(arena, ""), "must not be empty");
    assert_string_equal(take(arena, "vol:/b:ro,rw"), "vol>/b");
    assert_string_equal(take(arena, "::/a"), "has an empty part between the colons");
    assert_string_equal(take(arena, "vol:"), "has an empty part between the colons");
    assert_string_equal(take(arena, ":/a"), "has an empty part between the colons");
    assert_string_equal(take(arena, "vol:/b:"), "has an empty part between the colons");
    assert_string_equal(take(arena, "vol:/b:ro:rw"), "has too many colons");
}

static void variables_hold_colons(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    assert_string_equal(take(arena, "${V:-v}:/data:ro"), "${V:-v}>/data ro");
    assert_string_equal(take(arena, "./a:${T:-/t}"), "./a>${T:-/t}");
    assert_string_equal(take(arena, "${A:-${B:-c:d}}/e:/f"), "${A:-${B:-c:d}}/e>/f");
    assert_string_equal(take(arena, "${V:-{v}}:/data"), "${V:-{v}}>/data");
    assert_string_equal(take(arena, "$V:/data"), "$V>/data");
}

static void one_letter_is_a_drive(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    assert_string_equal(take(arena, "c:/x:/y"), "c:/x>/y");
    assert_string_equal(take(arena, "v:/data"), ">v:/data");
    assert_string_equal(take(arena, "v:/data:ro"), "v:/data>ro");
    assert_string_equal(take(arena, "vol:c:\\x:ro"), "vol>c:\\x ro");
    assert_string_equal(take(arena, "/a:/b:z:y"), "/a>/b unknown=z:y");
    assert_string_equal(take(arena, "\xc3\xa9:/x:/y"), "\xc3\xa9:/x>/y");
    assert_string_equal(take(arena, "v:"), ">v:");
    assert_string_equal(take(arena, "v::ro"), "v:>ro");
    assert_true(mount_text_is_drive("c:x"));
    assert_true(mount_text_is_drive("\\\\host\\share"));
    assert_false(mount_text_is_drive("vol"));
    assert_true(mount_text_is_windows_absolute("c:\\x"));
    assert_false(mount_text_is_windows_absolute("c:x"));
}

static void folders_are_told_from_names(void **state)
{
    (void)state;
    assert_true(mount_text_is_path("/a"));
    assert_true(mount_text_is_path("./a"));
    assert_true(mount_text_is_path(".."));
    assert_true(mount_text_is_path("~/a"));
    assert_false(mount_text_is_path("data"));
    assert_false(mount_text_is_path("a/b"));
}

static void short_tmpfs_come_apart(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct tmpfs_text tmpfs;
    assert_null(tmpfs_text_parse(arena, "/run", &tmpfs));
    assert_string_equal(tmpfs.target, "/run");
    assert_int_equal(tmpfs.bytes, 0);
    assert_null(tmpfs_text_parse(arena, "/run:size=64m,mode=0755,ro,noexec", &tmpfs));
    assert_int_equal(tmpfs.bytes, 64 << 20);
    assert_int_equal(tmpfs.mode, 0755);
    assert_true(tmpfs.read_only);
    assert_string_equal(tmpfs.ignored, "noexec");
    assert_non_null(tmpfs_text_parse(arena, "/run:size=much", &tmpfs));
    assert_non_null(tmpfs_text_parse(arena, "/run:mode=0999", &tmpfs));
    assert_non_null(tmpfs_text_parse(arena, "/run:uid=5", &tmpfs));
    assert_non_null(tmpfs_text_parse(arena, "/run:", &tmpfs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_volumes_come_apart), cmocka_unit_test(variables_hold_colons),
        cmocka_unit_test(one_letter_is_a_drive),    cmocka_unit_test(folders_are_told_from_names),
        cmocka_unit_test(short_tmpfs_come_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
