/* SPDX-License-Identifier: GPL-2.0 */
/* Records as a trace that Perfetto opens. */
#ifndef TOOLS_PERFETTO_H
#define TOOLS_PERFETTO_H

#include "mlock2mon.h"

struct show;

void perfetto_begin(struct show *show);
void perfetto_record(struct show *show, const struct mlock2mon_record *rec);

#endif
