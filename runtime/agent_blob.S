/* The agent's static ELF as data: guest_agent_start, guest_agent_end (guest_kit.h). */
    .section .rodata
    .balign 16
    .globl guest_agent_start
guest_agent_start:
    .incbin GUEST_AGENT_FILE
    .globl guest_agent_end
guest_agent_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
