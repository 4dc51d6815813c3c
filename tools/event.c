// SPDX-License-Identifier: GPL-2.0
/* One record, written for programs or for people. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "event.h"
#include "text.h"

#define NS_PER_S	1000000000

/* --- for programs --- */

/* Keys whose value is 0 or 1 and means no or yes. */
static bool is_boolean(struct span key)
{
	static const char *const name[] = {
		"cap", "likely", "compat", "capns", "racy", "onfault", "untracked", "unfiltered",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(name); i++) {
		if (span_is(key, name[i]))
			return true;
	}
	return false;
}

static void json_field(FILE *out, const struct field *f)
{
	json_string(out, f->key);
	putc(':', out);
	if (f->quoted)
		json_escaped(out, f->value);
	else if (is_boolean(f->key) && (span_is(f->value, "0") || span_is(f->value, "1")))
		fputs(f->value.at[0] == '1' ? "true" : "false", out);
	else if (span_is(f->key, "limit_kb") && span_is(f->value, "unlimited"))
		fputs("null", out);
	else
		json_value(out, f->value);
}

void event_json(FILE *out, const struct record *rec)
{
	size_t i = 0;

	putc('{', out);
	if (rec->kind == RECORD_LOSS) {
		fprintf(out, "\"lost\":%" PRIu64 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64,
			rec->lost, rec->seq, rec->last_seq);
		i = 2;
	}
	for (; i < rec->nr; i++) {
		if (i)
			putc(',', out);
		json_field(out, &rec->field[i]);
	}
	fputs("}\n", out);
}

void event_json_unknown(FILE *out, struct span line)
{
	fputs("{\"unknown\":", out);
	json_string(out, line);
	fputs("}\n", out);
}

/* --- for people --- */

static struct span value_of(const struct record *rec, const char *key)
{
	const struct field *f = record_find(rec, key);

	return f ? f->value : span_of("-");
}

static bool has(const struct record *rec, const char *key, const char *value)
{
	return span_is(value_of(rec, key), value);
}

static void wall_text(uint64_t ns, char *buf, size_t room)
{
	time_t seconds = ns / NS_PER_S;
	struct tm tm;
	size_t len = 0;

	if (localtime_r(&seconds, &tm))
		len = strftime(buf, room, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(buf + len, room - len, ".%06u", (unsigned int)(ns % NS_PER_S / 1000));
}

/* A time of the device, as the view wants it; what is none stays as it is. */
static struct span time_text(struct span ts, const struct event_view *view, char *buf, size_t room)
{
	uint64_t ns;

	if (!span_time(ts, &ns))
		return ts;
	if (view->wall)
		wall_text(ns + view->wall_offset_ns, buf, room);
	else
		snprintf(buf, room, "%" PRIu64 ".%06u", ns / NS_PER_S,
			 (unsigned int)(ns % NS_PER_S / 1000));
	return span_of(buf);
}

/* Seconds since boot are aligned by their point as long as they have seven digits. */
static void time_column(FILE *out, const struct record *rec, const struct event_view *view)
{
	char buf[64];
	struct span ts = time_text(value_of(rec, "ts"), view, buf, sizeof(buf));
	size_t used = 0;

	if (ts.at == buf && ts.len < 14)
		used = fprintf(out, "%*s", (int)(14 - ts.len), "");
	pad_column(out, used + plain_string(out, ts), 14);
}

static void task_columns(FILE *out, const struct record *rec)
{
	struct span pid = value_of(rec, "pid");
	struct span tid = value_of(rec, "tid");
	size_t used;

	pad_column(out, plain_escaped(out, value_of(rec, "comm")), 15);
	used = plain_string(out, pid);
	if (pid.len != tid.len || memcmp(pid.at, tid.at, pid.len)) {
		putc('/', out);
		used += 1 + plain_string(out, tid);
	}
	pad_column(out, used, 11);
}

static bool is_one_of(struct span name, const char *const *list)
{
	for (; *list; list++) {
		if (span_is(name, *list))
			return true;
	}
	return false;
}

static void size_column(FILE *out, const struct record *rec)
{
	static const char *const whole[] = { "mlockall", "munlockall", NULL };
	static const char *const none[] = {
		"brk", "shmat", "shmdt", "shmctl", "stack", "exec", "other", NULL
	};
	struct span call = value_of(rec, "call");
	struct span len = value_of(rec, "len");
	char buf[TEXT_SIZE_MAX];
	uint64_t bytes;

	if (is_one_of(call, whole))
		len = span_of("all");
	else if (is_one_of(call, none) && span_is(len, "0"))
		len = span_of("-");
	else if (span_u64(len, &bytes))
		len = span_of(size_text(bytes, buf));
	plain_column(out, len, 7);
}

static void duration_column(FILE *out, const struct record *rec)
{
	struct span dur = value_of(rec, "dur_ns");
	char buf[TEXT_SIZE_MAX];
	uint64_t ns;

	if (span_u64(dur, &ns))
		dur = span_of(duration_text(ns, buf));
	plain_column(out, dur, 8);
}

static void paint(FILE *out, const struct event_view *view, const char *code)
{
	if (view->colour)
		fprintf(out, "\033[%sm", code);
}

static void result_column(FILE *out, const struct record *rec, const struct event_view *view)
{
	static const char *const none[] = { "stack", "exec", "other", "exit", NULL };
	struct span result = value_of(rec, "errno");
	bool failed = !span_is(result, "0") && !span_is(result, "-");

	if (failed)
		paint(out, view, "31");
	else
		result = span_of(is_one_of(value_of(rec, "call"), none) ? "-" : "ok");
	plain_column(out, result, 7);
	if (failed)
		paint(out, view, "0");
}

static void kib(FILE *out, struct span number)
{
	plain_string(out, number);
	fputs(" KiB", out);
}

static void limits(FILE *out, const struct record *rec)
{
	fputs(" (locked ", out);
	kib(out, value_of(rec, "locked_kb"));
	fputs(", limit ", out);
	if (has(rec, "limit_kb", "unlimited"))
		fputs("none", out);
	else
		kib(out, value_of(rec, "limit_kb"));
	if (has(rec, "cap", "0"))
		fputs(", no CAP_IPC_LOCK", out);
	if (has(rec, "capns", "1"))
		fputs(" but in another user namespace", out);
	putc(')', out);
}

static void limit_details(FILE *out, const struct record *rec)
{
	if (record_find(rec, "short_kb")) {
		fputs(" by ", out);
		kib(out, value_of(rec, "short_kb"));
	}
	if (has(rec, "call", "mlockall"))
		fputs(", all that is mapped counted", out);
	limits(out, rec);
}

static void near_details(FILE *out, const struct record *rec)
{
	if (record_find(rec, "headroom_kb")) {
		fputs(": ", out);
		kib(out, value_of(rec, "headroom_kb"));
	}
	limits(out, rec);
}

static void perm_details(FILE *out, const struct record *rec)
{
	if (has(rec, "capns", "1"))
		fputs(" but in another user namespace", out);
}

static void maps_details(FILE *out, const struct record *rec)
{
	fputs(" (vm.max_map_count ", out);
	plain_string(out, value_of(rec, "max_maps"));
	putc(')', out);
}

/* What a call that failed half-way has left locked. */
static void partial_details(FILE *out, const struct record *rec)
{
	struct span delta = value_of(rec, "delta_kb");
	uint64_t grown;

	if (!span_u64(delta, &grown) || !grown)
		return;
	fputs(", yet ", out);
	kib(out, delta);
	fputs(" more locked", out);
}

static const struct reason {
	const char	*token;
	const char	*words;
	void		(*details)(FILE *out, const struct record *rec);
} reasons[] = {
	{ "flags", "unknown or missing flag bits", NULL },
	{ "range", "address plus length wraps around", NULL },
	{ "perm", "RLIMIT_MEMLOCK is 0 and no CAP_IPC_LOCK", perm_details },
	{ "limit", "over RLIMIT_MEMLOCK", limit_details },
	{ "hole", "part of the range is not mapped", partial_details },
	{ "maps", "too many mappings", maps_details },
	{ "populate", "a page cannot be brought in", partial_details },
	{ "nomem", "no memory for the pages", partial_details },
	{ "killed", "killed while waiting", partial_details },
	{ "already", "already so, changed nothing", NULL },
	{ "empty", "no page in the range, changed nothing", NULL },
	{ "unlockable", "memory that is never locked, changed nothing", NULL },
	{ "near_limit", "little is left under RLIMIT_MEMLOCK", near_details },
	{ "blocked", "never reached the kernel function", NULL },
	{ "other", "for a reason the module does not know", NULL },
};

static const struct reason *reason_find(struct span token)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (span_is(token, reasons[i].token))
			return &reasons[i];
	}
	return NULL;
}

/* What a reason means, of that call; NULL if it is not known. */
const char *why_words(struct span call, struct span token)
{
	const struct reason *r = reason_find(token);

	if (span_is(call, "shmctl") && span_is(token, "perm"))
		return "RLIMIT_MEMLOCK is 0, or the segment another user's, and no CAP_IPC_LOCK";
	return r ? r->words : NULL;
}

static void reason_text(FILE *out, const struct record *rec, struct span token)
{
	const struct reason *r = reason_find(token);

	if (has(rec, "likely", "1"))
		fputs("probably ", out);
	if (!r) {
		plain_string(out, token);
		return;
	}
	if (has(rec, "call", "shmctl") && r->details == perm_details && !has(rec, "limit_kb", "0"))
		fputs("another user's segment and no CAP_IPC_LOCK", out);
	else
		fputs(r->words, out);
	if (r->details)
		r->details(out, rec);
}

static void change_text(FILE *out, const struct record *rec)
{
	struct span delta = value_of(rec, "delta_kb");
	int64_t kb;

	if (span_s64(delta, &kb) && kb) {
		if (kb > 0)
			putc('+', out);
		kib(out, delta);
		fputs(", now ", out);
	}
	kib(out, value_of(rec, "locked_kb"));
	fputs(" locked", out);
}

/* The totals of a task. */
static void exit_text(FILE *out, const struct record *rec)
{
	struct span held = value_of(rec, "held_kb");

	plain_string(out, value_of(rec, "calls"));
	fputs(has(rec, "calls", "1") ? " call, " : " calls, ", out);
	plain_string(out, value_of(rec, "failures"));
	fputs(" failed; at most ", out);
	kib(out, value_of(rec, "peak_kb"));
	fputs(" locked, ", out);
	if (span_is(held, "0")) {
		fputs("none at the end", out);
		return;
	}
	kib(out, held);
	fputs(has(rec, "delta_kb", "0") ? " at the end, kept by other threads" :
	      " at the end, given back", out);
}

static void remap_text(FILE *out, const struct record *rec)
{
	struct span old = value_of(rec, "old_len");
	char buf[TEXT_SIZE_MAX];
	uint64_t bytes;

	if (!span_u64(old, &bytes))
		return;
	fprintf(out, "was %s, ", size_text(bytes, buf));
}

/* What a record says of itself before it says what changed. */
static const struct {
	const char	*call;
	const char	*words;
	void		(*details)(FILE *out, const struct record *rec);
} openings[] = {
	{ "mremap", "", remap_text },
	{ "stack", "a locked stack grew: ", NULL },
	{ "exec", "memory of the old program given back: ", NULL },
	{ "other", "by something that is not watched: ", NULL },
};

static void opening_text(FILE *out, const struct record *rec)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(openings); i++) {
		if (!has(rec, "call", openings[i].call))
			continue;
		fputs(openings[i].words, out);
		if (openings[i].details)
			openings[i].details(out, rec);
	}
}

static void repeat_text(FILE *out, const struct record *rec, const struct event_view *view)
{
	char buf[64];

	if (!record_find(rec, "repeat"))
		return;
	fputs("; ", out);
	plain_string(out, value_of(rec, "repeat"));
	fputs(has(rec, "repeat", "1") ? " more time until " : " more times until ", out);
	plain_string(out, time_text(value_of(rec, "last"), view, buf, sizeof(buf)));
}

static void namespace_text(FILE *out, const struct record *rec)
{
	struct span pid = value_of(rec, "ns_pid");
	struct span tid = value_of(rec, "ns_tid");

	if (!record_find(rec, "ns_pid"))
		return;
	fputs(" [in its namespace ", out);
	plain_string(out, pid);
	if (pid.len != tid.len || memcmp(pid.at, tid.at, pid.len)) {
		putc('/', out);
		plain_string(out, tid);
	}
	putc(']', out);
}

static void mark_text(FILE *out, const struct record *rec)
{
	if (has(rec, "compat", "1"))
		fputs(" [32-bit]", out);
	if (has(rec, "racy", "1"))
		fputs(" [overlapped with another call]", out);
	if (has(rec, "untracked", "1"))
		fputs(" [no account]", out);
	namespace_text(out, rec);
}

void event_what(FILE *out, const struct record *rec, const struct event_view *view)
{
	const struct field *why = record_find(rec, "why");

	if (has(rec, "call", "exit")) {
		exit_text(out, rec);
	} else if (why) {
		reason_text(out, rec, why->value);
	} else {
		opening_text(out, rec);
		change_text(out, rec);
	}
	repeat_text(out, rec, view);
	mark_text(out, rec);
}

static void loss_text(FILE *out, const struct record *rec, const struct event_view *view)
{
	paint(out, view, "33");
	fprintf(out, "%8" PRIu64 "  *** %" PRIu64 " %s lost here: seq %" PRIu64 " to %" PRIu64
		" overwritten before being read%s", rec->seq, rec->lost,
		rec->lost == 1 ? "record" : "records", rec->seq, rec->last_seq,
		has(rec, "unfiltered", "1") ? ", perhaps not all of them asked for" : "");
	paint(out, view, "0");
	putc('\n', out);
}

void event_text_header(FILE *out, const struct event_view *view)
{
	paint(out, view, "1");
	fprintf(out, "%8s  %-*s %-15s %-11s %-10s %-7s %-14s %-7s %-8s %s", "SEQ",
		view->wall ? 26 : 14, "TIME", "PROCESS", "PID/TID", "CALL", "SIZE", "FLAGS",
		"RESULT", "TOOK", "WHAT");
	paint(out, view, "0");
	putc('\n', out);
}

void event_text(FILE *out, const struct record *rec, const struct event_view *view)
{
	if (rec->kind == RECORD_LOSS) {
		loss_text(out, rec, view);
		return;
	}
	fprintf(out, "%8" PRIu64 "  ", rec->seq);
	time_column(out, rec, view);
	task_columns(out, rec);
	plain_column(out, value_of(rec, "call"), 10);
	size_column(out, rec);
	plain_column(out, has(rec, "flags", "0") ? span_of("-") : value_of(rec, "flags"), 14);
	result_column(out, rec, view);
	duration_column(out, rec);
	event_what(out, rec, view);
	putc('\n', out);
}

void event_text_unknown(FILE *out, struct span line)
{
	fputs("       ?  ", out);
	plain_string(out, line);
	putc('\n', out);
}
