// SPDX-License-Identifier: GPL-2.0
/*
 * Records as a trace that Perfetto opens: TrackEvents of its protobuf format.
 *
 * A call is a slice on the track of its thread; locked memory, and what of the limit is
 * left, are counters of the process. Times are CLOCK_BOOTTIME, as in the records, which
 * is what Perfetto takes them for. Of protobuf nothing but what is written here is
 * needed: numbers, strings, and messages in messages.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "event.h"
#include "libmlock2mon.h"
#include "perfetto.h"
#include "record.h"
#include "show.h"
#include "text.h"

/* Numbers of fields, by message. */
enum field_number {
	TRACE_PACKET			= 1,
	PACKET_TIMESTAMP		= 8,
	PACKET_SEQUENCE			= 10,
	PACKET_TRACK_EVENT		= 11,
	PACKET_SEQUENCE_FLAGS		= 13,
	PACKET_TRACK_DESCRIPTOR		= 60,
	TRACK_UUID			= 1,
	TRACK_NAME			= 2,
	TRACK_PROCESS			= 3,
	TRACK_THREAD			= 4,
	TRACK_PARENT			= 5,
	TRACK_COUNTER			= 8,
	PROCESS_PID			= 1,
	PROCESS_NAME			= 6,
	THREAD_PID			= 1,
	THREAD_TID			= 2,
	THREAD_NAME			= 5,
	COUNTER_UNIT			= 3,
	EVENT_ANNOTATION		= 4,
	EVENT_TYPE			= 9,
	EVENT_TRACK			= 11,
	EVENT_CATEGORY			= 22,
	EVENT_NAME			= 23,
	EVENT_COUNTER_VALUE		= 30,
	ANNOTATION_BOOL			= 2,
	ANNOTATION_UINT			= 3,
	ANNOTATION_INT			= 4,
	ANNOTATION_STRING		= 6,
	ANNOTATION_POINTER		= 7,
	ANNOTATION_NAME			= 10,
};

enum event_type {
	SLICE_BEGIN	= 1,
	SLICE_END	= 2,
	INSTANT		= 3,
	COUNTER		= 4,
};

#define UNIT_BYTES	3
#define SEQUENCE	1	/* the number of our one writer */
#define STATE_CLEARED	1	/* a sequence flag: nothing that went before is needed */

#define MESSAGE_MAX	1536	/* bytes; names are short */
#define TRACKS		4096	/* remembered; others are described again */

/* A message that grows. */
struct message {
	size_t	len;
	uint8_t	byte[MESSAGE_MAX];
};

static void empty(struct message *m)
{
	m->len = 0;
}

static void add_varint(struct message *m, uint64_t value)
{
	while (value >= 0x80) {
		m->byte[m->len++] = value | 0x80;
		value >>= 7;
	}
	m->byte[m->len++] = value;
}

static void add_number(struct message *m, enum field_number field, uint64_t value)
{
	add_varint(m, field << 3);
	add_varint(m, value);
}

static void add_bytes(struct message *m, enum field_number field, const void *bytes, size_t len)
{
	add_varint(m, field << 3 | 2);
	add_varint(m, len);
	memcpy(m->byte + m->len, bytes, len);
	m->len += len;
}

static void add_text(struct message *m, enum field_number field, const char *text)
{
	add_bytes(m, field, text, strlen(text));
}

static void add_message(struct message *m, enum field_number field, const struct message *inner)
{
	add_bytes(m, field, inner->byte, inner->len);
}

/* A name as it may be: what is no UTF-8, or a control character, is spelled out. */
static void add_comm(struct message *m, enum field_number field, const char *comm)
{
	size_t len = strnlen(comm, MLOCK2MON_COMM_LEN);
	struct source src = { comm, comm + len, false };
	char text[4 * MLOCK2MON_COMM_LEN + 1];
	struct symbol sym;
	size_t i, n = 0;

	while (symbol_next(&src, &sym)) {
		if (sym.valid && !symbol_is_control(&sym)) {
			memcpy(text + n, sym.byte, sym.len);
			n += sym.len;
			continue;
		}
		for (i = 0; i < sym.len; i++)
			n += sprintf(text + n, "\\x%02x", sym.byte[i]);
	}
	add_bytes(m, field, text, n);
}

static void write_packet(struct show *show, const struct message *packet)
{
	char *to = out_room(&show->out, sizeof(*packet) + 16);
	struct message head;

	empty(&head);
	add_varint(&head, TRACE_PACKET << 3 | 2);
	add_varint(&head, packet->len);
	to = put_bytes(to, head.byte, head.len);
	out_wrote(&show->out, put_bytes(to, packet->byte, packet->len));
}

/* --- tracks --- */

/* What a track is of. In its number, together with who. */
enum track {
	OF_PROCESS = 1,
	OF_THREAD,
	OF_LOCKED,
	OF_HEADROOM,
	OF_LOSSES,
};

static uint64_t described[TRACKS];

/* Never 0; another for every other task, but by a chance of one in 2^64. */
static uint64_t track_uuid(enum track track, uint32_t id, uint64_t start_ns)
{
	uint64_t mixed = start_ns * 0x9e3779b97f4a7c15ULL ^ ((uint64_t)id << 8 | track);

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
	return (mixed ^ mixed >> 31) | 1;
}

/* False the first time, and when it was forgotten since. */
static bool is_described(uint64_t uuid)
{
	uint64_t *place = &described[uuid >> 1 & (TRACKS - 1)];
	bool known = *place == uuid;

	*place = uuid;
	return known;
}

static void write_descriptor(struct show *show, const struct message *track)
{
	struct message packet = { 0 };

	add_number(&packet, PACKET_SEQUENCE, SEQUENCE);
	add_message(&packet, PACKET_TRACK_DESCRIPTOR, track);
	write_packet(show, &packet);
}

static uint64_t process_track(struct show *show, const struct mlock2mon_record *rec)
{
	uint64_t uuid = track_uuid(OF_PROCESS, rec->pid, rec->leader_start_ns);
	struct message track = { 0 }, process = { 0 };

	if (is_described(uuid))
		return uuid;
	add_number(&process, PROCESS_PID, rec->pid);
	add_comm(&process, PROCESS_NAME, rec->comm);
	add_number(&track, TRACK_UUID, uuid);
	add_message(&track, TRACK_PROCESS, &process);
	write_descriptor(show, &track);
	return uuid;
}

static uint64_t thread_track(struct show *show, const struct mlock2mon_record *rec)
{
	uint64_t uuid = track_uuid(OF_THREAD, rec->tid, rec->start_ns);
	struct message track = { 0 }, thread = { 0 };
	uint64_t parent = process_track(show, rec);

	if (is_described(uuid))
		return uuid;
	add_number(&thread, THREAD_PID, rec->pid);
	add_number(&thread, THREAD_TID, rec->tid);
	add_comm(&thread, THREAD_NAME, rec->comm);
	add_number(&track, TRACK_UUID, uuid);
	add_number(&track, TRACK_PARENT, parent);
	add_message(&track, TRACK_THREAD, &thread);
	write_descriptor(show, &track);
	return uuid;
}

static uint64_t counter_track(struct show *show, const struct mlock2mon_record *rec,
			      enum track of, const char *name)
{
	uint64_t uuid = track_uuid(of, rec->pid, rec->leader_start_ns);
	struct message track = { 0 }, counter = { 0 };
	uint64_t parent = process_track(show, rec);

	if (is_described(uuid))
		return uuid;
	add_number(&counter, COUNTER_UNIT, UNIT_BYTES);
	add_number(&track, TRACK_UUID, uuid);
	add_number(&track, TRACK_PARENT, parent);
	add_text(&track, TRACK_NAME, name);
	add_message(&track, TRACK_COUNTER, &counter);
	write_descriptor(show, &track);
	return uuid;
}

/* --- events --- */

static void begin_event(struct message *event, enum event_type type, uint64_t track)
{
	empty(event);
	add_number(event, EVENT_TYPE, type);
	add_number(event, EVENT_TRACK, track);
}

static void write_event(struct show *show, uint64_t ts_ns, const struct message *event)
{
	struct message packet;

	empty(&packet);
	add_number(&packet, PACKET_TIMESTAMP, ts_ns);
	add_number(&packet, PACKET_SEQUENCE, SEQUENCE);
	add_message(&packet, PACKET_TRACK_EVENT, event);
	write_packet(show, &packet);
}

static void annotate_number(struct message *event, const char *name, enum field_number type,
			    uint64_t value)
{
	struct message note;

	empty(&note);
	add_text(&note, ANNOTATION_NAME, name);
	add_number(&note, type, value);
	add_message(event, EVENT_ANNOTATION, &note);
}

static void annotate_text(struct message *event, const char *name, const char *text)
{
	struct message note;

	empty(&note);
	add_text(&note, ANNOTATION_NAME, name);
	add_text(&note, ANNOTATION_STRING, text);
	add_message(event, EVENT_ANNOTATION, &note);
}

/* NULL: there was none, or as of a call that was blocked, the program's memory has it. */
static const char *error_of(const struct mlock2mon_record *rec)
{
	const char *name;

	if (rec->ret >= 0 || rec->ret < -4095 || rec->why == MLOCK2MON_WHY_BLOCKED)
		return NULL;
	name = mlock2mon_errno_name(-rec->ret);
	return name ? name : "failed";
}

static void annotate_reason(struct message *event, const struct mlock2mon_record *rec)
{
	const char *token = mlock2mon_why_name(rec->why);
	const char *words = why_words(span_of(mlock2mon_call_name(rec->call)), span_of(token));

	if (rec->why == MLOCK2MON_WHY_NONE)
		return;
	annotate_text(event, "why", token);
	if (words)
		annotate_text(event, "reason", words);
	if (rec->why == MLOCK2MON_WHY_LIMIT && rec->detail)
		annotate_number(event, "short_bytes", ANNOTATION_UINT, rec->detail);
	if (rec->attr & MLOCK2MON_ATTR_LIKELY)
		annotate_number(event, "likely", ANNOTATION_BOOL, 1);
}

static void annotate_call(struct message *event, const struct mlock2mon_record *rec)
{
	char flags[MLOCK2MON_FLAGS_MAX];

	annotate_number(event, "seq", ANNOTATION_UINT, rec->seq);
	annotate_number(event, "addr", ANNOTATION_POINTER, rec->addr);
	annotate_number(event, "len_bytes", ANNOTATION_UINT, rec->len);
	if (rec->flags) {
		mlock2mon_format_flags(flags, sizeof(flags), rec->call, rec->flags);
		annotate_text(event, "flags", flags);
	}
	annotate_number(event, "ret", ANNOTATION_INT, rec->ret);
	if (error_of(rec))
		annotate_text(event, "errno", error_of(rec));
	annotate_number(event, "locked_bytes", ANNOTATION_UINT, rec->locked);
	annotate_number(event, "delta_bytes", ANNOTATION_INT, rec->delta);
	if (rec->limit != ~0ULL)
		annotate_number(event, "limit_bytes", ANNOTATION_UINT, rec->limit);
	annotate_number(event, "cap_ipc_lock", ANNOTATION_BOOL,
			!!(rec->attr & MLOCK2MON_ATTR_CAP));
	annotate_number(event, "uid", ANNOTATION_UINT, rec->uid);
	if (rec->attr & MLOCK2MON_ATTR_REPEAT)
		annotate_number(event, "failures", ANNOTATION_UINT, rec->repeat);
	annotate_reason(event, rec);
}

static void add_call_name(struct message *event, const struct mlock2mon_record *rec)
{
	const char *call = mlock2mon_call_name(rec->call);
	const char *error = error_of(rec);
	char name[96];

	if (rec->why == MLOCK2MON_WHY_BLOCKED)
		snprintf(name, sizeof(name), "%s (blocked)", call);
	else if (!error)
		snprintf(name, sizeof(name), "%s", call);
	else if (rec->attr & MLOCK2MON_ATTR_REPEAT)
		snprintf(name, sizeof(name), "%s %s (%s) x %" PRIu64, call, error,
			 mlock2mon_why_name(rec->why), (uint64_t)rec->repeat);
	else
		snprintf(name, sizeof(name), "%s %s (%s)", call, error,
			 mlock2mon_why_name(rec->why));
	add_text(event, EVENT_CATEGORY, rec->ret < 0 ? "failed" : "ok");
	add_text(event, EVENT_NAME, name);
}

/* Failures that share a record take all the time from the first of them to the last. */
static void write_slice(struct show *show, const struct mlock2mon_record *rec)
{
	uint64_t track = thread_track(show, rec);
	uint64_t end_ns = rec->ts_ns + rec->dur_ns;
	struct message event;

	if (rec->attr & MLOCK2MON_ATTR_REPEAT)
		end_ns = rec->last_ns;
	begin_event(&event, SLICE_BEGIN, track);
	add_call_name(&event, rec);
	annotate_call(&event, rec);
	write_event(show, rec->ts_ns, &event);
	begin_event(&event, SLICE_END, track);
	write_event(show, end_ns, &event);
}

static void write_instant(struct show *show, const struct mlock2mon_record *rec)
{
	struct message event;

	begin_event(&event, INSTANT, thread_track(show, rec));
	add_text(&event, EVENT_CATEGORY, "life");
	add_text(&event, EVENT_NAME, mlock2mon_call_name(rec->call));
	annotate_number(&event, "seq", ANNOTATION_UINT, rec->seq);
	annotate_number(&event, "delta_bytes", ANNOTATION_INT, rec->delta);
	if (rec->call == MLOCK2MON_EXIT) {
		annotate_number(&event, "calls", ANNOTATION_UINT, rec->calls);
		annotate_number(&event, "failures", ANNOTATION_UINT, rec->failures);
		annotate_number(&event, "peak_bytes", ANNOTATION_UINT, rec->detail);
	}
	write_event(show, rec->ts_ns, &event);
}

static void write_counter(struct show *show, uint64_t ts_ns, uint64_t track, uint64_t value)
{
	struct message event;

	begin_event(&event, COUNTER, track);
	add_number(&event, EVENT_COUNTER_VALUE, value);
	write_event(show, ts_ns, &event);
}

/* What the process has locked when the call is over, and what it still may. */
static void write_counters(struct show *show, const struct mlock2mon_record *rec)
{
	uint64_t end_ns = rec->ts_ns;
	uint64_t left = rec->limit > rec->locked ? rec->limit - rec->locked : 0;

	if (rec->attr & MLOCK2MON_ATTR_REPEAT)
		end_ns = rec->last_ns;
	else if (rec->call != MLOCK2MON_EXIT)
		end_ns += rec->dur_ns;
	write_counter(show, end_ns, counter_track(show, rec, OF_LOCKED, "locked memory"),
		      rec->locked);
	if (rec->limit != ~0ULL && !(rec->attr & MLOCK2MON_ATTR_CAP))
		write_counter(show, end_ns,
			      counter_track(show, rec, OF_HEADROOM, "headroom to the limit"), left);
}

/* A loss has no time: it stands where the record before it does. */
static void write_loss(struct show *show, const struct mlock2mon_record *rec, uint64_t ts_ns)
{
	uint64_t uuid = track_uuid(OF_LOSSES, 0, 0);
	struct message event, track = { 0 };

	if (!is_described(uuid)) {
		add_number(&track, TRACK_UUID, uuid);
		add_text(&track, TRACK_NAME, "records lost");
		write_descriptor(show, &track);
	}
	begin_event(&event, INSTANT, uuid);
	add_text(&event, EVENT_CATEGORY, "loss");
	add_text(&event, EVENT_NAME, "records lost");
	annotate_number(&event, "records", ANNOTATION_UINT, rec->len);
	annotate_number(&event, "first", ANNOTATION_UINT, rec->seq);
	write_event(show, ts_ns, &event);
}

void perfetto_begin(struct show *show)
{
	struct message packet = { 0 };

	add_number(&packet, PACKET_SEQUENCE, SEQUENCE);
	add_number(&packet, PACKET_SEQUENCE_FLAGS, STATE_CLEARED);
	write_packet(show, &packet);
}

void perfetto_record(struct show *show, const struct mlock2mon_record *rec)
{
	static uint64_t last_ns;

	if (rec->call == MLOCK2MON_LOST) {
		write_loss(show, rec, last_ns);
		return;
	}
	last_ns = rec->ts_ns;
	switch (rec->call) {
	case MLOCK2MON_EXIT:
	case MLOCK2MON_EXEC:
	case MLOCK2MON_OTHER:
	case MLOCK2MON_STACK:
		write_instant(show, rec);
		break;
	default:
		write_slice(show, rec);
	}
	write_counters(show, rec);
}
