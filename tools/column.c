// SPDX-License-Identifier: GPL-2.0
/*
 * The keys of a record, one after the other: as JSON and as CSV.
 *
 * A line of the device, taken apart, becomes the same JSON by event_json(); from the
 * record it is twenty times as fast. What a key is worth is written here once for both
 * forms, as it stands in the line, but without quotes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "column.h"
#include "libmlock2mon.h"
#include "out.h"
#include "text.h"

#define NS_PER_S	1000000000

enum style {
	NUMBER,
	NAME,		/* a string in JSON */
	EITHER,		/* a string, unless it is a decimal number */
	SWITCH,		/* 0 or 1; in JSON false or true */
	LIMIT,		/* a number, or unlimited; in JSON null */
	COMM,		/* the name of a task: JSON and CSV each have their way */
};

struct column {
	const char	*key;
	char		opening[16];	/* ,"key": and bytes that do no harm */
	size_t		opening_len;
	/* Writes the value; NULL if the record has none. */
	char		*(*value)(char *to, const struct mlock2mon_record *rec);
	enum style	style;
};

#define COLUMN(name, style)	{ #name, ",\"" #name "\":", sizeof(#name) + 3, name##_value, style }

#define VALUE(name, expression)							\
static char *name##_value(char *to, const struct mlock2mon_record *rec)		\
{										\
	return expression;							\
}

/* --- what is always there --- */

static char *put_time(char *to, uint64_t ns)
{
	to = put_u64(to, ns / NS_PER_S);
	*to++ = '.';
	return put_nine(to, ns % NS_PER_S);
}

VALUE(seq, put_u64(to, rec->seq))
VALUE(ts, put_time(to, rec->ts_ns))
VALUE(cpu, put_u64(to, rec->cpu))
VALUE(call, put_text(to, mlock2mon_call_name(rec->call)))
VALUE(pid, put_u64(to, rec->pid))
VALUE(tid, put_u64(to, rec->tid))
VALUE(uid, put_u64(to, rec->uid))
VALUE(addr, put_hex(to, rec->addr))
VALUE(len, put_u64(to, rec->len))
VALUE(dur_ns, put_u64(to, rec->dur_ns))
VALUE(locked_kb, put_u64(to, rec->locked >> 10))
VALUE(delta_kb, put_s64(to, rec->delta / 1024))
VALUE(limit_kb, rec->limit == ~0ULL ? put_text(to, "unlimited") : put_u64(to, rec->limit >> 10))
VALUE(cap, put_u64(to, !!(rec->attr & MLOCK2MON_ATTR_CAP)))
VALUE(cgroup, put_u64(to, rec->cgroup))

/* Written by the style. */
static char *comm_value(char *to, const struct mlock2mon_record *rec)
{
	(void)rec;
	return to;
}

/* Flags of one call hardly ever change from one record to the next. */
static char *flags_value(char *to, const struct mlock2mon_record *rec)
{
	static struct {
		uint32_t	flags;
		size_t		len;	/* 0: nothing is known yet */
		char		text[MLOCK2MON_FLAGS_MAX];
	} known[MLOCK2MON_NR_CALLS];

	if (rec->call >= MLOCK2MON_NR_CALLS)
		return to + mlock2mon_format_flags(to, MLOCK2MON_FLAGS_MAX, rec->call, rec->flags);
	if (!known[rec->call].len || known[rec->call].flags != rec->flags) {
		known[rec->call].flags = rec->flags;
		known[rec->call].len = mlock2mon_format_flags(known[rec->call].text,
							      MLOCK2MON_FLAGS_MAX, rec->call,
							      rec->flags);
	}
	return put_bytes(to, known[rec->call].text, known[rec->call].len);
}

static bool gives_address(unsigned int call)
{
	return call == MLOCK2MON_MMAP || call == MLOCK2MON_MREMAP || call == MLOCK2MON_BRK ||
	       call == MLOCK2MON_SHMAT;
}

VALUE(ret, rec->ret > 0 && gives_address(rec->call) ? put_hex(to, rec->ret) :
	   put_s64(to, rec->ret))

static char *errno_value(char *to, const struct mlock2mon_record *rec)
{
	uint64_t error = rec->ret < 0 ? 0 - (uint64_t)rec->ret : 0;
	const char *name;

	if (rec->why == MLOCK2MON_WHY_BLOCKED)
		return put_text(to, "?");
	if (!error)
		return put_u64(to, 0);
	name = error < 4096 ? mlock2mon_errno_name(error) : NULL;
	return name ? put_text(to, name) : put_u64(to, error);
}

/* --- what is there for a reason --- */

#define VALUE_IF(name, condition, expression) VALUE(name, (condition) ? expression : NULL)

VALUE_IF(why, rec->why != MLOCK2MON_WHY_NONE, put_text(to, mlock2mon_why_name(rec->why)))
VALUE_IF(short_kb, rec->why == MLOCK2MON_WHY_LIMIT &&
	 (rec->detail || rec->call < MLOCK2MON_MMAP), put_u64(to, rec->detail >> 10))
VALUE_IF(max_maps, rec->why == MLOCK2MON_WHY_MAPS, put_u64(to, rec->detail))
VALUE_IF(headroom_kb, rec->why == MLOCK2MON_WHY_NEAR_LIMIT, put_u64(to, rec->detail >> 10))

static char *page_addr_value(char *to, const struct mlock2mon_record *rec)
{
	uint64_t addr, len;

	return mlock2mon_page_range(rec, &addr, &len) ? put_hex(to, addr) : NULL;
}

static char *page_len_value(char *to, const struct mlock2mon_record *rec)
{
	uint64_t addr, len;

	return mlock2mon_page_range(rec, &addr, &len) ? put_u64(to, len) : NULL;
}

#define ATTRIBUTE(name, bit) VALUE_IF(name, rec->attr & (bit), put_u64(to, 1))

ATTRIBUTE(likely, MLOCK2MON_ATTR_LIKELY)
ATTRIBUTE(compat, MLOCK2MON_ATTR_COMPAT)
ATTRIBUTE(capns, MLOCK2MON_ATTR_CAPNS)
ATTRIBUTE(racy, MLOCK2MON_ATTR_RACY)
ATTRIBUTE(onfault, MLOCK2MON_ATTR_ONFAULT)
ATTRIBUTE(untracked, MLOCK2MON_ATTR_UNTRACKED)

/* These share their place in the record. */
static bool repeats(const struct mlock2mon_record *rec)
{
	return rec->attr & MLOCK2MON_ATTR_REPEAT;
}

static bool moves(const struct mlock2mon_record *rec)
{
	return rec->call == MLOCK2MON_MREMAP && !repeats(rec);
}

static bool leaves(const struct mlock2mon_record *rec)
{
	return rec->call == MLOCK2MON_EXIT && !repeats(rec);
}

VALUE_IF(repeat, repeats(rec), put_u64(to, rec->repeat))
VALUE_IF(last, repeats(rec), put_time(to, rec->last_ns))
VALUE_IF(old_len, moves(rec), put_u64(to, rec->old_len))
VALUE_IF(new_addr, moves(rec), put_hex(to, rec->new_addr))
VALUE_IF(calls, leaves(rec), put_u64(to, rec->calls))
VALUE_IF(failures, leaves(rec), put_u64(to, rec->failures))
VALUE_IF(peak_kb, leaves(rec), put_u64(to, rec->detail >> 10))
VALUE_IF(held_kb, leaves(rec), put_u64(to, (rec->locked - (uint64_t)rec->delta) >> 10))

static bool elsewhere(const struct mlock2mon_record *rec)
{
	return rec->ns_pid != rec->pid || rec->ns_tid != rec->tid;
}

VALUE_IF(ns_pid, elsewhere(rec), put_u64(to, rec->ns_pid))
VALUE_IF(ns_tid, elsewhere(rec), put_u64(to, rec->ns_tid))

/* In the order of the line. */
static const struct column columns[] = {
	COLUMN(seq, NUMBER), COLUMN(ts, NUMBER), COLUMN(cpu, NUMBER), COLUMN(call, NAME),
	COLUMN(pid, NUMBER), COLUMN(tid, NUMBER), COLUMN(uid, NUMBER), COLUMN(comm, COMM),
	COLUMN(addr, NAME), COLUMN(len, NUMBER), COLUMN(flags, EITHER), COLUMN(ret, EITHER),
	COLUMN(errno, EITHER), COLUMN(dur_ns, NUMBER), COLUMN(locked_kb, NUMBER),
	COLUMN(delta_kb, NUMBER), COLUMN(limit_kb, LIMIT), COLUMN(cap, SWITCH),
	COLUMN(cgroup, NUMBER), COLUMN(why, NAME), COLUMN(short_kb, NUMBER),
	COLUMN(max_maps, NUMBER), COLUMN(headroom_kb, NUMBER), COLUMN(likely, SWITCH),
	COLUMN(page_addr, NAME), COLUMN(page_len, NUMBER), COLUMN(compat, SWITCH),
	COLUMN(capns, SWITCH), COLUMN(racy, SWITCH), COLUMN(onfault, SWITCH),
	COLUMN(untracked, SWITCH), COLUMN(repeat, NUMBER), COLUMN(last, NUMBER),
	COLUMN(old_len, NUMBER), COLUMN(new_addr, NAME), COLUMN(calls, NUMBER),
	COLUMN(failures, NUMBER), COLUMN(peak_kb, NUMBER), COLUMN(held_kb, NUMBER),
	COLUMN(ns_pid, NUMBER), COLUMN(ns_tid, NUMBER),
};

/* --- names of tasks --- */

static size_t comm_len(const struct mlock2mon_record *rec)
{
	return strnlen(rec->comm, sizeof(rec->comm));
}

/* No byte that has to be written in another way, in JSON or in CSV. */
static bool is_plain(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	}
	return true;
}

static char *put_json_symbol(char *to, const struct symbol *sym)
{
	if (!sym->valid)
		return put_text(to, "\xef\xbf\xbd");
	if (sym->code == '"' || sym->code == '\\')
		*to++ = '\\';
	else if (symbol_is_control(sym))
		return to + sprintf(to, "\\u%04x", (unsigned int)sym->code);
	return put_bytes(to, sym->byte, sym->len);
}

/* In their full width they do as well, where such are written. */
static bool begins_formula(uint32_t code)
{
	return code == '=' || code == '+' || code == '-' || code == '@' || code == 0xff1d ||
	       code == 0xff0b || code == 0xff0d || code == 0xff20;
}

/*
 * A quote is doubled, as CSV has it. What could disturb, and the backslash itself, is
 * escaped as the device does, and so is a first character that makes a formula of the
 * name in a spreadsheet.
 */
static char *put_csv_symbol(char *to, const struct symbol *sym, bool first)
{
	size_t i;

	if (sym->valid && sym->code == '\\')
		return put_text(to, "\\\\");
	if (sym->valid && sym->code == '"')
		return put_text(to, "\"\"");
	if (sym->valid && !symbol_is_control(sym) && !(first && begins_formula(sym->code)))
		return put_bytes(to, sym->byte, sym->len);
	for (i = 0; i < sym->len; i++)
		to += sprintf(to, "\\x%02x", sym->byte[i]);
	return to;
}

static char *put_comm(char *to, const struct mlock2mon_record *rec, bool csv)
{
	size_t len = comm_len(rec);
	struct source src = { rec->comm, rec->comm + len, false };
	struct symbol sym;

	*to++ = '"';
	if (is_plain(rec->comm, len) && !(csv && begins_formula(rec->comm[0]))) {
		to = put_bytes(to, rec->comm, len);
	} else {
		while (src.at < src.end) {
			bool first = src.at == rec->comm;

			symbol_next(&src, &sym);
			to = csv ? put_csv_symbol(to, &sym, first) : put_json_symbol(to, &sym);
		}
	}
	*to++ = '"';
	return to;
}

/* --- JSON --- */

/* @to has a place in front of it for the quote of what turns out to be a string. */
static char *json_quoted(char *to, const struct mlock2mon_record *rec, const struct column *col)
{
	char *end = col->value(to + 1, rec);

	if (!end)
		return NULL;
	if (col->style == EITHER && span_is_number((struct span){ to + 1, end - (to + 1) })) {
		memmove(to, to + 1, end - (to + 1));
		return end - 1;
	}
	*to = '"';
	*end = '"';
	return end + 1;
}

static char *json_value_of(char *to, const struct mlock2mon_record *rec, const struct column *col)
{
	char *end;

	switch (col->style) {
	case COMM:
		return put_comm(to, rec, false);
	case NAME:
	case EITHER:
		return json_quoted(to, rec, col);
	case SWITCH:
		end = col->value(to, rec);
		return end ? put_text(to, *to == '1' ? "true" : "false") : NULL;
	case LIMIT:
		end = col->value(to, rec);
		return *to == 'u' ? put_text(to, "null") : end;
	default:
		return col->value(to, rec);
	}
}

static char *json_loss(char *to, const struct mlock2mon_record *rec)
{
	to = put_u64(put_text(to, "{\"lost\":"), rec->len);
	to = put_u64(put_text(to, ",\"first\":"), rec->seq);
	to = put_u64(put_text(to, ",\"last\":"), rec->seq + rec->len - 1);
	if (rec->attr & MLOCK2MON_ATTR_UNFILTERED)
		to = put_text(to, ",\"unfiltered\":true");
	return put_text(to, "}\n");
}

/* One object and a newline. */
char *column_json(char *to, const struct mlock2mon_record *rec)
{
	char *begin = to;
	size_t i;

	if (rec->call == MLOCK2MON_LOST)
		return json_loss(to, rec);
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		const struct column *col = &columns[i];
		char *end;

		/* All of it, for that is a single store; the value is written over the rest. */
		memcpy(to, col->opening, sizeof(col->opening));
		end = json_value_of(to + col->opening_len, rec, col);
		if (end)
			to = end;
	}
	*begin = '{';	/* where the first comma is */
	return put_text(to, "}\n");
}

/* --- CSV --- */

/* A loss has the first three, and nothing else. */
char *column_csv_header(char *to)
{
	size_t i;

	to = put_text(to, "seq,lost,unfiltered");
	for (i = 1; i < ARRAY_SIZE(columns); i++) {
		*to++ = ',';
		to = put_text(to, columns[i].key);
	}
	return put_text(to, "\n");
}

static char *csv_loss(char *to, const struct mlock2mon_record *rec)
{
	to = put_u64(to, rec->seq);
	*to++ = ',';
	to = put_u64(to, rec->len);
	*to++ = ',';
	*to++ = rec->attr & MLOCK2MON_ATTR_UNFILTERED ? '1' : '0';
	memset(to, ',', ARRAY_SIZE(columns) - 1);
	return put_text(to + ARRAY_SIZE(columns) - 1, "\n");
}

char *column_csv(char *to, const struct mlock2mon_record *rec)
{
	size_t i;

	if (rec->call == MLOCK2MON_LOST)
		return csv_loss(to, rec);
	to = put_text(put_u64(to, rec->seq), ",,");
	for (i = 1; i < ARRAY_SIZE(columns); i++) {
		char *end;

		*to++ = ',';
		end = columns[i].style == COMM ? put_comm(to, rec, true) :
		      columns[i].value(to, rec);
		if (end)
			to = end;
	}
	*to++ = '\n';
	return to;
}
