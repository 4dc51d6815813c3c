/* SPDX-License-Identifier: GPL-2.0 */
/* The keys of a record, one after the other: as JSON and as CSV. */
#ifndef TOOLS_COLUMN_H
#define TOOLS_COLUMN_H

#include "mlock2mon.h"

#define COLUMN_ROOM	4096	/* any record, or the header, as JSON or CSV, bytes */

char *column_json(char *to, const struct mlock2mon_record *rec);
char *column_csv_header(char *to);
char *column_csv(char *to, const struct mlock2mon_record *rec);

#endif
