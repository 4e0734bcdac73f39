/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_server.h - what this process keeps for other ranks: its thread, its door.
 */
#ifndef FTM_KEEP_SERVER_H
#define FTM_KEEP_SERVER_H

#include "keep_wire.h"

struct ftm_keep_server;

/* Opens a port on all addresses of the node and serves it in a thread. `card` gets what others need
 * to come in. NULL with errno. */
struct ftm_keep_server *ftm_keep_server_create(struct ftm_keep_card *card);

/* Ends the thread and forgets everything that was kept. Takes NULL. */
void ftm_keep_server_destroy(struct ftm_keep_server *server);

#endif
