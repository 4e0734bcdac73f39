/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * boot.h - by what a reboot of the node, and a new run of this program, can be told from the last.
 */
#ifndef FT_NODED_BOOT_H
#define FT_NODED_BOOT_H

#include <stdint.h>

#define FT_BOOT_TEXT_MAX 96

/* Names this boot of the node: the kernel's boot id, and when process 1 was started, for a node
 * that is a container. "" if the system tells neither. root: put before /proc; "" but in tests.
 * Returns text. */
const char *ft_boot_text(const char *root, char text[FT_BOOT_TEXT_MAX]);

/* Names this run of the program: later runs have larger numbers, as long as the clock is right. The
 * same at each call. */
uint64_t ft_boot_run(void);

#endif
