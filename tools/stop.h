/* SPDX-License-Identifier: GPL-2.0 */
/* An orderly end: SIGINT, SIGTERM and SIGHUP, and waiting that they end. */
#ifndef TOOLS_STOP_H
#define TOOLS_STOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

void stop_on_signals(void);
bool stop_asked(void);
void stop_poll(struct pollfd *fds, nfds_t nr, int64_t timeout_ns);

#endif
