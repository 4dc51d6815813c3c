// SPDX-License-Identifier: GPL-2.0
/*
 * Records as one page of HTML, which needs nothing but itself: page.html, with the
 * numbers that it draws in the place of its mark.
 *
 * How many numbers there are does not depend on the records. So they are looked at
 * twice: for the time that they span and the processes that matter, and then to put them
 * into the bins of that time.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "event.h"
#include "libmlock2mon.h"
#include "page.h"
#include "record.h"
#include "show.h"
#include "text.h"
#include "tool.h"

#define NS_PER_S	1e9
#define MARK		"@DATA@"
#define TIME_BINS	480
#define HEAT_BINS	96
#define HEAT_ROWS	40		/* powers of two of nanoseconds, to a quarter of an hour */
#define PROCESSES_MAX	(1 << 16)	/* known apart; a power of two */
#define PROCESSES_SHOWN	8
#define EXAMPLE_MAX	256

__asm__(".pushsection .rodata\n"
	".globl page_html\n"
	"page_html:\n"
	".incbin \"tools/page.html\"\n"
	".byte 0\n"
	".popsection\n");

/* The most in each bin, and what was left at its end. */
struct line {
	uint64_t	most[TIME_BINS];
	uint64_t	last[TIME_BINS];
	bool		used[TIME_BINS];
};

struct process {
	uint64_t	start_ns;
	uint32_t	pid;
	uint32_t	uid;
	char		comm[MLOCK2MON_COMM_LEN];
	uint64_t	calls;
	uint64_t	failures;
	uint64_t	failed[MLOCK2MON_NR_WHYS];
	uint64_t	peak;
	uint64_t	limit;		/* the last one */
	bool		cap;
	uint64_t	locked;		/* in the second pass: now */
	struct line	*line;		/* of those that are shown */
};

struct reason {
	uint64_t	failures;
	uint64_t	of_call[MLOCK2MON_NR_CALLS];
	char		example[EXAMPLE_MAX];
};

static struct {
	uint64_t	first_ns;
	uint64_t	last_ns;
	uint64_t	calls;
	uint64_t	failures;
	uint64_t	records;
	uint64_t	lost;
	uint64_t	slowest_ns;
	uint64_t	most_locked;	/* of all processes at once */
	uint64_t	all_locked;
	uint64_t	others_locked;
	struct line	others;
	uint64_t	failures_at[TIME_BINS];
	uint64_t	heat[HEAT_ROWS][HEAT_BINS];
	struct reason	reason[MLOCK2MON_NR_WHYS];
	struct process	*process;
	size_t		processes;
	uint64_t	nameless;	/* records of processes that there is no room for */
} page;

/* --- the first look --- */

static struct process *find_process(const struct mlock2mon_record *rec)
{
	uint64_t mixed = (rec->pid ^ rec->leader_start_ns) * 0x9e3779b97f4a7c15ULL;
	size_t i = mixed >> 32 & (PROCESSES_MAX - 1);
	struct process *p;

	if (!page.process)
		page.process = calloc(PROCESSES_MAX, sizeof(*page.process));
	/* No process has the number 0; here it marks a place that is free. */
	if (!page.process || !rec->pid)
		return NULL;
	for (p = &page.process[i]; p->pid; p = &page.process[i]) {
		if (p->pid == rec->pid && p->start_ns == rec->leader_start_ns)
			return p;
		i = (i + 1) & (PROCESSES_MAX - 1);
	}
	/* A quarter stays free, so that a search ends soon. */
	if (page.processes >= PROCESSES_MAX / 4 * 3)
		return NULL;
	page.processes++;
	p->pid = rec->pid;
	p->start_ns = rec->leader_start_ns;
	return p;
}

static bool is_call(const struct mlock2mon_record *rec)
{
	return rec->call < MLOCK2MON_STACK;
}

/* Calls that the record stands for. */
static uint64_t times(const struct mlock2mon_record *rec)
{
	return rec->attr & MLOCK2MON_ATTR_REPEAT ? rec->repeat : 1;
}

static uint64_t end_of(const struct mlock2mon_record *rec)
{
	if (rec->attr & MLOCK2MON_ATTR_REPEAT)
		return rec->last_ns;
	return rec->call == MLOCK2MON_EXIT ? rec->ts_ns : rec->ts_ns + rec->dur_ns;
}

static void example_of(struct reason *reason, const struct mlock2mon_record *rec)
{
	static const struct event_view plain;
	char line[MLOCK2MON_LINE_MAX];
	struct record parts;
	FILE *out;

	if (reason->example[0] ||
	    !record_parse(&parts, line, mlock2mon_format(line, sizeof(line), rec) - 1))
		return;
	out = fmemopen(reason->example, EXAMPLE_MAX - 1, "w");
	if (!out)
		return;
	event_what(out, &parts, &plain);
	fclose(out);
}

static void count_failure(struct process *p, const struct mlock2mon_record *rec)
{
	struct reason *reason;

	if (rec->ret >= 0 || rec->why >= MLOCK2MON_NR_WHYS)
		return;
	reason = &page.reason[rec->why];
	page.failures += times(rec);
	reason->failures += times(rec);
	reason->of_call[rec->call] += times(rec);
	example_of(reason, rec);
	if (!p)
		return;
	p->failures += times(rec);
	p->failed[rec->why] += times(rec);
}

static void count_call(struct process *p, const struct mlock2mon_record *rec)
{
	uint64_t each_ns = rec->dur_ns / times(rec);

	page.calls += times(rec);
	if (each_ns > page.slowest_ns)
		page.slowest_ns = each_ns;
	if (p)
		p->calls += times(rec);
	count_failure(p, rec);
}

void page_survey(struct show *show, const struct mlock2mon_record *rec)
{
	struct process *p;

	(void)show;
	if (rec->call == MLOCK2MON_LOST) {
		page.lost += rec->len;
		return;
	}
	if (rec->attr & MLOCK2MON_ATTR_REPEAT && !rec->repeat)
		return;
	page.records++;
	if (!page.first_ns || rec->ts_ns < page.first_ns)
		page.first_ns = rec->ts_ns;
	if (end_of(rec) > page.last_ns)
		page.last_ns = end_of(rec);
	p = find_process(rec);
	page.nameless += !p;
	if (p) {
		memcpy(p->comm, rec->comm, sizeof(p->comm));
		p->uid = rec->uid;
		p->limit = rec->limit;
		p->cap = rec->attr & MLOCK2MON_ATTR_CAP;
		if (rec->locked > p->peak)
			p->peak = rec->locked;
	}
	if (is_call(rec))
		count_call(p, rec);
}

/* --- the second look --- */

static size_t bin_of(uint64_t ns, size_t bins)
{
	double span = page.last_ns - page.first_ns + 1;
	double place = ns > page.first_ns ? (ns - page.first_ns) / span * bins : 0;

	return place < bins ? (size_t)place : bins - 1;
}

static void set_line(struct line *line, size_t bin, uint64_t value)
{
	if (value > line->most[bin] || !line->used[bin])
		line->most[bin] = value;
	line->last[bin] = value;
	line->used[bin] = true;
}

static int by_peak(const void *left, const void *right)
{
	const struct process *a = *(struct process *const *)left;
	const struct process *b = *(struct process *const *)right;

	if (a->peak != b->peak)
		return a->peak < b->peak ? 1 : -1;
	if (a->failures != b->failures)
		return a->failures < b->failures ? 1 : -1;
	return a->calls < b->calls ? 1 : a->calls > b->calls ? -1 : 0;
}

/* Those that have most, in order; the number of them. */
static size_t ranked(struct process ***list)
{
	size_t i, nr = 0;

	*list = tool_grow(NULL, (page.processes + 1) * sizeof(**list));
	for (i = 0; page.process && i < PROCESSES_MAX; i++) {
		if (page.process[i].pid)
			(*list)[nr++] = &page.process[i];
	}
	qsort(*list, nr, sizeof(**list), by_peak);
	return nr;
}

void page_begin(struct show *show)
{
	struct process **list;
	size_t i, nr = ranked(&list);

	(void)show;
	for (i = 0; i < nr && i < PROCESSES_SHOWN; i++) {
		list[i]->line = tool_grow(NULL, sizeof(*list[i]->line));
		memset(list[i]->line, 0, sizeof(*list[i]->line));
	}
	free(list);
}

static void draw_locked(struct process *p, const struct mlock2mon_record *rec)
{
	size_t bin = bin_of(end_of(rec), TIME_BINS);

	page.all_locked += rec->locked - p->locked;
	if (page.all_locked > page.most_locked)
		page.most_locked = page.all_locked;
	if (!p->line) {
		page.others_locked += rec->locked - p->locked;
		set_line(&page.others, bin, page.others_locked);
	} else {
		set_line(p->line, bin, rec->locked);
	}
	p->locked = rec->locked;
}

static void draw_heat(const struct mlock2mon_record *rec)
{
	uint64_t each_ns = rec->dur_ns / times(rec);
	size_t row = each_ns ? 63 - __builtin_clzll(each_ns) : 0;

	page.heat[row < HEAT_ROWS ? row : HEAT_ROWS - 1][bin_of(end_of(rec), HEAT_BINS)] +=
		times(rec);
}

void page_record(struct show *show, const struct mlock2mon_record *rec)
{
	struct process *p;

	(void)show;
	if (rec->call == MLOCK2MON_LOST || (rec->attr & MLOCK2MON_ATTR_REPEAT && !rec->repeat))
		return;
	p = find_process(rec);
	if (p)
		draw_locked(p, rec);
	if (!is_call(rec))
		return;
	if (rec->ret < 0)
		page.failures_at[bin_of(end_of(rec), TIME_BINS)] += times(rec);
	if (rec->why != MLOCK2MON_WHY_BLOCKED)
		draw_heat(rec);
}

/* --- the numbers --- */

/* As JSON that may stand in HTML. */
static void text_json(FILE *out, const char *text, size_t len)
{
	struct source src = { text, text + len, false };
	struct symbol sym;

	putc('"', out);
	while (symbol_next(&src, &sym)) {
		if (!sym.valid)
			fputs("\\ufffd", out);
		else if (symbol_is_control(&sym) ||
			 (sym.code < 0x80 && strchr("\"\\<>&", (int)sym.code)))
			fprintf(out, "\\u%04x", (unsigned int)sym.code);
		else
			fwrite(sym.byte, 1, sym.len, out);
	}
	putc('"', out);
}

static void string_json(FILE *out, const char *key, const char *text)
{
	fprintf(out, "\"%s\":", key);
	text_json(out, text, strlen(text));
	putc(',', out);
}

static void numbers_json(FILE *out, const uint64_t *number, size_t nr)
{
	size_t i;

	putc('[', out);
	for (i = 0; i < nr; i++)
		fprintf(out, "%s%" PRIu64, i ? "," : "", number[i]);
	putc(']', out);
}

/* What was locked stays so until something changes it. */
static void line_json(FILE *out, const struct line *line)
{
	uint64_t value[TIME_BINS];
	uint64_t now = 0;
	size_t i;

	for (i = 0; i < TIME_BINS; i++) {
		value[i] = line->used[i] && line->most[i] > now ? line->most[i] : now;
		if (line->used[i])
			now = line->last[i];
	}
	numbers_json(out, value, TIME_BINS);
}

static void process_json(FILE *out, const struct process *p)
{
	fprintf(out, "{\"pid\":%" PRIu32 ",\"uid\":%" PRIu32 ",\"comm\":", p->pid, p->uid);
	text_json(out, p->comm, strnlen(p->comm, sizeof(p->comm)));
	fprintf(out, ",\"calls\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"peak\":%" PRIu64
		",\"cap\":%s,\"limit\":", p->calls, p->failures, p->peak,
		p->cap ? "true" : "false");
	if (p->limit == ~0ULL)
		fputs("null", out);
	else
		fprintf(out, "%" PRIu64, p->limit);
	fputs(",\"locked\":", out);
	line_json(out, p->line);
	putc('}', out);
}

static void processes_json(FILE *out, struct process **list, size_t nr)
{
	size_t i;

	fputs("\"processes\":[", out);
	for (i = 0; i < nr && i < PROCESSES_SHOWN; i++) {
		if (i)
			putc(',', out);
		process_json(out, list[i]);
	}
	fprintf(out, "],\"others\":{\"processes\":%zu,\"nameless\":%" PRIu64 ",\"locked\":",
		nr - i, page.nameless);
	line_json(out, &page.others);
	fputs("},", out);
}

static void heat_json(FILE *out)
{
	size_t row, bin, least = HEAT_ROWS, most = 0;

	for (row = 0; row < HEAT_ROWS; row++) {
		for (bin = 0; bin < HEAT_BINS; bin++) {
			if (!page.heat[row][bin])
				continue;
			least = row < least ? row : least;
			most = row;
		}
	}
	fprintf(out, "\"heat\":{\"lowest\":%zu,\"rows\":[", least);
	for (row = least; row < HEAT_ROWS && row <= most; row++) {
		if (row > least)
			putc(',', out);
		numbers_json(out, page.heat[row], HEAT_BINS);
	}
	fputs("]},", out);
}

static int by_why;

static int by_failed(const void *left, const void *right)
{
	const struct process *a = *(struct process *const *)left;
	const struct process *b = *(struct process *const *)right;

	if (a->failed[by_why] != b->failed[by_why])
		return a->failed[by_why] < b->failed[by_why] ? 1 : -1;
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

static void reason_json(FILE *out, int why, struct process **list, size_t nr)
{
	const struct reason *reason = &page.reason[why];
	const char *words = why_words(span_of(""), span_of(mlock2mon_why_name(why)));
	const char *comma = "";
	size_t i;

	putc('{', out);
	string_json(out, "why", mlock2mon_why_name(why));
	string_json(out, "words", words ? words : "no reason given");
	string_json(out, "example", reason->example);
	fprintf(out, "\"failures\":%" PRIu64 ",\"calls\":{", reason->failures);
	for (i = 0; i < MLOCK2MON_NR_CALLS; i++) {
		if (!reason->of_call[i])
			continue;
		fprintf(out, "%s\"%s\":%" PRIu64, comma, mlock2mon_call_name(i),
			reason->of_call[i]);
		comma = ",";
	}
	fputs("},\"processes\":[", out);
	by_why = why;
	qsort(list, nr, sizeof(*list), by_failed);
	for (i = 0; i < nr && i < PROCESSES_SHOWN && list[i]->failed[why]; i++) {
		fprintf(out, "%s{\"pid\":%" PRIu32 ",\"failures\":%" PRIu64 ",\"comm\":",
			i ? "," : "", list[i]->pid, list[i]->failed[why]);
		text_json(out, list[i]->comm, strnlen(list[i]->comm, MLOCK2MON_COMM_LEN));
		putc('}', out);
	}
	fputs("]}", out);
}

static void reasons_json(FILE *out, struct process **list, size_t nr)
{
	const char *comma = "";
	int why;

	fputs("\"reasons\":[", out);
	for (why = 0; why < MLOCK2MON_NR_WHYS; why++) {
		if (!page.reason[why].failures)
			continue;
		fputs(comma, out);
		reason_json(out, why, list, nr);
		comma = ",";
	}
	putc(']', out);
}

static void data_json(FILE *out, const struct show *show)
{
	struct process **list;
	size_t nr = ranked(&list);

	putc('{', out);
	string_json(out, "host", show->world.hostname);
	string_json(out, "kernel", show->header ? show->header->release : "");
	string_json(out, "machine", show->header ? show->header->machine : "");
	fprintf(out, "\"began_ms\":%" PRId64 ",\"span_s\":%.9f,",
		(int64_t)(show->world.boot_ns + page.first_ns) / 1000000,
		(page.last_ns - page.first_ns) / NS_PER_S);
	fprintf(out, "\"records\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"failures\":%" PRIu64
		",\"lost\":%" PRIu64 ",\"slowest_ns\":%" PRIu64 ",\"most_locked\":%" PRIu64
		",\"known\":%zu,", page.records, page.calls, page.failures, page.lost,
		page.slowest_ns, page.most_locked, page.processes);
	fputs("\"failures_at\":", out);
	numbers_json(out, page.failures_at, TIME_BINS);
	putc(',', out);
	processes_json(out, list, nr);
	heat_json(out);
	reasons_json(out, list, nr);
	putc('}', out);
	free(list);
}

void page_end(struct show *show)
{
	const char *mark = strstr(page_html, MARK);
	size_t i;

	fwrite(page_html, 1, mark - page_html, show->out.file);
	data_json(show->out.file, show);
	fputs(mark + strlen(MARK), show->out.file);
	for (i = 0; page.process && i < PROCESSES_MAX; i++)
		free(page.process[i].line);
	free(page.process);
}
