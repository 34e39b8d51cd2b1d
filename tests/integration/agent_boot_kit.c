/* agent_boot_kit: prints the paths of kernel and initramfs of the guest kit (VMSTEAD_ROOT applies).
 */
#include "runtime/guest_kit.h"

#include <stdio.h>

int main(void)
{
    _cleanup_error_ struct error err = {0};
    struct paths paths;
    struct guest_kit kit;
    if (paths_init(&paths, &err) < 0 || guest_kit_ensure(&paths, &kit, &err) < 0) {
        fprintf(stderr, "agent_boot_kit: %s\n", error_text(&err));
        return 1;
    }
    printf("%s\n%s\n", kit.kernel, kit.initramfs);
    guest_kit_done(&kit);
    paths_done(&paths);
    return 0;
}
