/* What a VM cannot do without: runtime/ refuses less, compose/ says so where it was written. */
#pragma once

/* Kernel, initramfs and agent come up with this much memory; with less the kernel panics. */
#define MACHINE_MEMORY_LEAST_MIB 96
/* An ext4 with room for what a start writes. */
#define MACHINE_DISK_LEAST_BYTES (32ULL << 20)
