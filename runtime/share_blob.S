/* share_launcher's ELF, as data: see share.c. */
    .section .rodata
    .global share_launcher_start
    .global share_launcher_end
    .balign 16
share_launcher_start:
    .incbin SHARE_LAUNCHER_FILE
share_launcher_end:
    .section .note.GNU-stack, "", %progbits
