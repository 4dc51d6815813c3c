/* SPDX-License-Identifier: GPL-2.0 */
/* Records as one page of HTML. */
#ifndef TOOLS_PAGE_H
#define TOOLS_PAGE_H

#include "mlock2mon.h"

struct show;

extern const char page_html[];	/* the file page.html, in page.c */

void page_begin(struct show *show);
void page_survey(struct show *show, const struct mlock2mon_record *rec);
void page_record(struct show *show, const struct mlock2mon_record *rec);
void page_end(struct show *show);

#endif
