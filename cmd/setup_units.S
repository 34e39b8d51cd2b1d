/* The units of systemd/, as data: see setup_steps.c. */
    .section .rodata
    .global setup_unit_socket
    .global setup_unit_service
    .global setup_unit_guests
setup_unit_socket:
    .incbin UNIT_SOCKET_FILE
    .byte 0
setup_unit_service:
    .incbin UNIT_SERVICE_FILE
    .byte 0
setup_unit_guests:
    .incbin UNIT_GUESTS_FILE
    .byte 0
    .section .note.GNU-stack, "", %progbits
