// SPDX-License-Identifier: GPL-2.0
/* Records, written in the form that was asked for. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "column.h"
#include "libmlock2mon.h"
#include "page.h"
#include "perfetto.h"
#include "record.h"
#include "show.h"

enum show_colour {
	COLOUR_AUTO,
	COLOUR_ALWAYS,
	COLOUR_NEVER,
};

/* --- the forms --- */

static void text_begin(struct show *show)
{
	event_text_header(show->out.file, &show->view);
}

static void text_record(struct show *show, const struct mlock2mon_record *rec)
{
	char line[MLOCK2MON_LINE_MAX];
	struct record parts;

	if (record_parse(&parts, line, mlock2mon_format(line, sizeof(line), rec) - 1))
		event_text(show->out.file, &parts, &show->view);
}

static void raw_record(struct show *show, const struct mlock2mon_record *rec)
{
	char *to = out_room(&show->out, MLOCK2MON_LINE_MAX);

	out_wrote(&show->out, to + mlock2mon_format(to, MLOCK2MON_LINE_MAX, rec));
}

static void json_record(struct show *show, const struct mlock2mon_record *rec)
{
	out_wrote(&show->out, column_json(out_room(&show->out, COLUMN_ROOM), rec));
}

static void csv_begin(struct show *show)
{
	out_wrote(&show->out, column_csv_header(out_room(&show->out, COLUMN_ROOM)));
}

static void csv_record(struct show *show, const struct mlock2mon_record *rec)
{
	out_wrote(&show->out, column_csv(out_room(&show->out, COLUMN_ROOM), rec));
}

/* Tracee has events of calls only, and one for each. */
static bool has_event(struct show *show, const struct mlock2mon_record *rec)
{
	if (rec->call == MLOCK2MON_LOST)
		return false;
	if (!tracee_knows(rec)) {
		show->hidden++;
		return false;
	}
	if (rec->attr & MLOCK2MON_ATTR_REPEAT)
		show->repeats += rec->repeat - 1;
	return true;
}

static void tracee_record(struct show *show, const struct mlock2mon_record *rec)
{
	if (has_event(show, rec))
		out_wrote(&show->out, tracee_json(out_room(&show->out, TRACEE_ROOM), rec,
						  origin_find(&show->origins, rec), &show->world));
}

static void tracee_legacy_record(struct show *show, const struct mlock2mon_record *rec)
{
	if (has_event(show, rec))
		out_wrote(&show->out, tracee_legacy(out_room(&show->out, TRACEE_ROOM), rec,
						    origin_find(&show->origins, rec),
						    &show->world));
}

static const struct show_form forms[] = {
	{ .begin = text_begin, .record = text_record },
	{ SHOW_RAW, .record = raw_record },
	{ SHOW_JSON, .record = json_record },
	{ SHOW_CSV, .begin = csv_begin, .record = csv_record },
	{ SHOW_TRACEE, .record = tracee_record },
	{ SHOW_TRACEE_LEGACY, .record = tracee_legacy_record },
	{ SHOW_PERFETTO, .binary = true, .begin = perfetto_begin, .record = perfetto_record },
	{ SHOW_HTML, .binary = true, .begin = page_begin, .survey = page_survey,
	  .record = page_record, .end = page_end },
};

bool show_is_text(const struct show *show)
{
	return !show->form->option;
}

bool show_is_json(const struct show *show)
{
	return show->form->option == SHOW_JSON;
}

/* Whether lines of the device do, without the records that they were made from. */
bool show_takes_lines(const struct show *show)
{
	return show_is_text(show) || show_is_json(show) || show->form->option == SHOW_RAW;
}

/* --- options --- */

static bool wrong(const char *what, const char *why)
{
	fprintf(stderr, "mlock2mon: %s %s\n", what, why);
	return false;
}

static bool choose_colour(struct show *show, const char *when)
{
	static const char *const name[] = { "auto", "always", "never" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(name); i++) {
		if (strcmp(when, name[i]))
			continue;
		show->colour = i;
		return true;
	}
	return wrong(*when ? when : "''", "is no time for colours: auto, always or never");
}

static bool choose_form(struct show *show, int option)
{
	size_t i;

	if (show->form->option && show->form->option != option)
		return wrong("two forms", "of output exclude each other");
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		if (forms[i].option == option)
			show->form = &forms[i];
	}
	return true;
}

/* Takes an option of the form; false, and says why, if it cannot be had. */
bool show_choose(struct show *show, int option, const char *argument)
{
	if (option != SHOW_COLOR && option != SHOW_WALL)
		return choose_form(show, option);
	show->of_text = option == SHOW_WALL ? "--wall" : "--color";
	if (option == SHOW_COLOR)
		return choose_colour(show, argument);
	show->view.wall = true;
	return true;
}

/* To be asked when all are taken; false, and says why, if one has no effect. */
bool show_options_fit(const struct show *show)
{
	return !show->of_text || show_is_text(show) ||
	       wrong(show->of_text, "has no effect on this form of output");
}

void show_init(struct show *show, FILE *file)
{
	show->form = &forms[0];
	show->out.file = file;
}

static bool want_colour(const struct show *show)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (show->colour != COLOUR_AUTO)
		return show->colour == COLOUR_ALWAYS;
	return isatty(fileno(show->out.file)) && !(no_color && *no_color) &&
	       term && strcmp(term, "dumb");
}

/* --- one record after the other --- */

/* @show->world must be known. */
void show_begin(struct show *show)
{
	show->view.colour = want_colour(show);
	show->view.wall_offset_ns = show->world.boot_ns;
	if (show->form->begin)
		show->form->begin(show);
}

void show_record(struct show *show, const struct mlock2mon_record *rec)
{
	uint64_t last = rec->seq;

	if (rec->call == MLOCK2MON_LOST)
		last += rec->len - 1;
	if (last < show->since)
		return;
	if (rec->call == MLOCK2MON_LOST) {
		show->gaps++;
		if (__builtin_add_overflow(show->lost, (uint64_t)rec->len, &show->lost))
			show->lost = UINT64_MAX;
	} else {
		show->records++;
	}
	show->form->record(show, rec);
}

void show_flush(struct show *show)
{
	out_flush(&show->out);
}

void show_end(struct show *show)
{
	if (show->form->end)
		show->form->end(show);
	out_flush(&show->out);
	origin_free(&show->origins);
}

static void tell_number(uint64_t number, const char *one, const char *many, const char *what)
{
	if (number)
		fprintf(stderr, "mlock2mon: %" PRIu64 " %s %s\n", number,
			number == 1 ? one : many, what);
}

/* What was not shown, or not in full. */
void show_tell(const struct show *show)
{
	if (show->lost)
		fprintf(stderr, "mlock2mon: %" PRIu64 " %s lost in %" PRIu64 " %s\n", show->lost,
			show->lost == 1 ? "record was" : "records were", show->gaps,
			show->gaps == 1 ? "place" : "places");
	tell_number(show->hidden, "record is", "records are",
		    "not shown: Tracee has no such event");
	tell_number(show->repeats, "repeated failure has", "repeated failures have",
		    "no line of its own (loaded with collapse=1)");
}
