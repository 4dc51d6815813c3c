/* SPDX-License-Identifier: GPL-2.0 */
/* The explanation of one story, with all that can be found out about its process. */
#ifndef TOOLS_EXPLAIN_H
#define TOOLS_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "story.h"
#include "watch.h"

void explain_story(FILE *out, const struct story *s, const struct watch *w, bool related);
void explain_watch(FILE *out, const struct watch *w);

#endif
