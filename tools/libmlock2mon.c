// SPDX-License-Identifier: GPL-2.0
/*
 * libmlock2mon: a reader of the device, by read() or in the mapped ring.
 *
 * `position` is the number of the record that is to be given next, or passed over. By
 * read() it lags behind the position of the file, which is past the buffer. In the mapped
 * ring it runs ahead, and the file is told where it is when there is nothing to give,
 * so that poll() knows what it waits for.
 *
 * What is counted as skipped are the holes between the numbers of what is given: in what
 * the device gives, nothing else can make one.
 *
 * Ordering, by label, against the writers in ring.c:
 *   look:A / begin:A    a number is claimed before its slot is looked at
 *   look:B / end:A      bytes complete before the slot carries the plain seq
 *   look:C / begin:B    slot marked busy before its bytes change
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64	/* a position is a sequence number */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filter.h"
#include "format.h"
#include "libmlock2mon.h"

#define BUFFER_SIZE	65536
#define RECORD_MOST	4096	/* bytes; records grow, but not to this */

/* The ring in memory. The kernel writes it all the time, and we never. */
struct ring {
	const struct mlock2mon_header	*header;
	const char			*slots;
	uint64_t			records;
	size_t				record_size;
};

/* What has been read and not yet been given. */
struct buffer {
	char	*bytes;
	size_t	at;
	size_t	used;
};

struct mlock2mon {
	int			fd;
	uint64_t		position;
	uint64_t		told;		/* position the file was told last */
	bool			dry;		/* the last one asked for was not there */
	uint64_t		lost;
	uint64_t		skipped;
	struct mlock2mon_filter	filter;
	size_t			record_size;
	struct buffer		buffer;
	struct ring		ring;		/* slots is NULL without a mapping */
	size_t			map_size;
};

/* ---- the ring ---------------------------------------------------------------------------- */

enum found {
	FOUND,
	NOT_YET,
	LOST,
};

/* Not before @header is complete. False if it is none that we understand. */
static bool ring_init(struct ring *ring, const struct mlock2mon_header *header, size_t map_size)
{
	uint64_t size;

	ring->header = header;
	ring->records = header->records;
	ring->record_size = header->record_size;
	if (!ring->records || ring->records & (ring->records - 1))
		return false;
	if (ring->record_size < sizeof(struct mlock2mon_record) || ring->record_size % 8 ||
	    header->data_offset < sizeof(*header) || header->data_offset % 8)
		return false;
	if (__builtin_mul_overflow(ring->records, ring->record_size, &size) ||
	    __builtin_add_overflow(size, header->data_offset, &size) || size > map_size)
		return false;
	ring->slots = (const char *)header + header->data_offset;
	return true;
}

static uint64_t ring_next(const struct ring *ring)
{
	/* look:A, pairs with begin:A */
	return __atomic_load_n(&ring->header->next, __ATOMIC_ACQUIRE);
}

static uint64_t ring_oldest(const struct ring *ring)
{
	uint64_t next = ring_next(ring);

	return next > ring->records ? next - ring->records : 1;
}

/* The words of a record that may change meanwhile. */
static void copy_words(struct mlock2mon_record *to, const uint64_t *from)
{
	uint64_t word[sizeof(*to) / sizeof(uint64_t)];
	size_t i;

	for (i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		word[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	memcpy(to, word, sizeof(word));
}

/* The protocol of struct mlock2mon_header in mlock2mon.h. */
static enum found ring_copy(const struct ring *ring, uint64_t seq, struct mlock2mon_record *rec)
{
	const char *slot = ring->slots + (seq & (ring->records - 1)) * ring->record_size;
	const uint64_t *state = (const uint64_t *)slot;
	uint64_t before, number;

	if (seq >= ring_next(ring))
		return NOT_YET;
	before = __atomic_load_n(state, __ATOMIC_ACQUIRE);	/* look:B, pairs with end:A */
	number = before & ~(MLOCK2MON_SEQ_BUSY | MLOCK2MON_SEQ_LAPPED);
	if (number > seq)
		return LOST;
	if (number < seq)
		return before & MLOCK2MON_SEQ_LAPPED ? LOST : NOT_YET;
	if (before & MLOCK2MON_SEQ_BUSY)
		return NOT_YET;
	copy_words(rec, state);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);		/* look:C, pairs with begin:B */
	rec->seq = seq;
	return __atomic_load_n(state, __ATOMIC_RELAXED) == before ? FOUND : LOST;
}

static void make_loss(struct mlock2mon_record *rec, uint64_t seq, uint64_t lost, bool filtered)
{
	memset(rec, 0, sizeof(*rec));
	rec->call = MLOCK2MON_LOST;
	rec->seq = seq;
	rec->len = lost;
	rec->attr = filtered ? MLOCK2MON_ATTR_UNFILTERED : 0;
}

/*
 * What is to be given from @seq on: as the device decides it. What comes after this began
 * is left for another time, so that writers cannot keep a reader here. Moves @seq to what
 * was found.
 */
static bool ring_find(const struct ring *ring, const struct mlock2mon_filter *filter,
		      uint64_t *seq, struct mlock2mon_record *rec)
{
	uint64_t end = ring_next(ring);
	uint64_t oldest;

	for (; *seq < end; ++*seq) {
		oldest = ring_oldest(ring);
		if (*seq < oldest) {
			make_loss(rec, *seq, oldest - *seq, filter->fields);
			return true;
		}
		switch (ring_copy(ring, *seq, rec)) {
		case FOUND:
			if (mlmon_filter_pass(filter, rec))
				return true;
			break;
		case LOST:
			make_loss(rec, *seq, 1, filter->fields);
			return true;
		default:
			return false;
		}
	}
	return false;
}

/* ---- the two ways ------------------------------------------------------------------------ */

/* Tells the file where we are. */
static int tell_position(struct mlock2mon *reader)
{
	if (reader->told == reader->position)
		return 0;
	if (lseek(reader->fd, reader->position, SEEK_SET) < 0)
		return -1;
	reader->told = reader->position;
	return 0;
}

static int next_mapped(struct mlock2mon *reader, struct mlock2mon_record *rec)
{
	uint64_t seq = reader->position;

	if (ring_find(&reader->ring, &reader->filter, &seq, rec))
		return 1;
	reader->skipped += seq - reader->position;
	reader->position = seq;
	return tell_position(reader);
}

/* Room for whole records only: the device would use no more. */
static int fill_buffer(struct mlock2mon *reader)
{
	size_t room = BUFFER_SIZE - BUFFER_SIZE % reader->record_size;
	ssize_t got;

	do {
		got = read(reader->fd, reader->buffer.bytes, room);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (!got || got % reader->record_size) {
		errno = EPROTO;
		return -1;
	}
	reader->buffer.at = 0;
	reader->buffer.used = got;
	return 1;
}

static int next_read(struct mlock2mon *reader, struct mlock2mon_record *rec)
{
	struct buffer *buffer = &reader->buffer;
	int ret;

	if (buffer->at == buffer->used) {
		ret = fill_buffer(reader);
		if (ret <= 0)
			return ret;
	}
	memcpy(rec, buffer->bytes + buffer->at, sizeof(*rec));
	buffer->at += reader->record_size;
	return 1;
}

static bool is_mapped(const struct mlock2mon *reader)
{
	return reader->ring.slots;
}

static bool is_buffered(const struct mlock2mon *reader)
{
	return reader->buffer.at < reader->buffer.used;
}

/* Catches up with the file, which has passed over what the filter keeps back. */
static void move_on(struct mlock2mon *reader, uint64_t position)
{
	reader->skipped += position - reader->position;
	reader->position = position;
}

int mlock2mon_next(struct mlock2mon *reader, struct mlock2mon_record *rec)
{
	int ret = is_mapped(reader) ? next_mapped(reader, rec) : next_read(reader, rec);
	bool loss;

	reader->dry = !ret;
	if (ret <= 0)
		return ret;
	loss = rec->call == MLOCK2MON_LOST;
	move_on(reader, rec->seq);
	reader->position += loss ? rec->len : 1;
	reader->lost += loss ? rec->len : 0;
	return 1;
}

int mlock2mon_wait(struct mlock2mon *reader, int timeout_ms)
{
	struct pollfd fds = { .fd = reader->fd, .events = POLLIN | POLLPRI };
	int ret;

	if (is_buffered(reader))
		return 1;
	if (is_mapped(reader) && tell_position(reader))
		return -1;
	ret = poll(&fds, 1, timeout_ms);
	return ret > 0 ? 1 : ret;
}

/* ---- where and what ---------------------------------------------------------------------- */

int mlock2mon_seek(struct mlock2mon *reader, enum mlock2mon_place place, uint64_t seq)
{
	static const int whence[] = {
		[MLOCK2MON_SEEK_OLDEST] = SEEK_SET,
		[MLOCK2MON_SEEK_NEWEST] = SEEK_END,
		[MLOCK2MON_SEEK_OPENED] = SEEK_DATA,
		[MLOCK2MON_SEEK_NUMBER] = SEEK_SET,
	};
	bool number = place == MLOCK2MON_SEEK_NUMBER;
	off_t position;

	if (place > MLOCK2MON_SEEK_NUMBER || seq > INT64_MAX || number != !!seq) {
		errno = EINVAL;
		return -1;
	}
	position = lseek(reader->fd, seq, whence[place]);
	if (position < 0)
		return -1;
	reader->buffer.at = reader->buffer.used;
	reader->position = position;
	reader->told = position;
	reader->dry = false;
	return 0;
}

/*
 * The new filter begins where mlock2mon_next() left off: what has been read ahead, or
 * passed over on the way there, is read again.
 */
static int step_back(struct mlock2mon *reader)
{
	off_t position;

	if (is_mapped(reader) || !reader->dry)
		return mlock2mon_seek(reader, MLOCK2MON_SEEK_NUMBER, reader->position);
	position = lseek(reader->fd, 0, SEEK_CUR);
	if (position < 0)
		return -1;
	move_on(reader, position);
	return 0;
}

int mlock2mon_set_filter(struct mlock2mon *reader, const struct mlock2mon_filter *filter)
{
	static const struct mlock2mon_filter none;

	if (!filter)
		filter = &none;
	if (!mlmon_filter_valid(filter)) {
		errno = EINVAL;
		return -1;
	}
	if (step_back(reader) || ioctl(reader->fd, MLOCK2MON_IOC_FILTER, filter))
		return -1;
	reader->filter = *filter;
	return 0;
}

int mlock2mon_match(const struct mlock2mon_filter *filter, struct mlock2mon_record *rec)
{
	if (!mlmon_filter_valid(filter)) {
		errno = EINVAL;
		return -1;
	}
	/* The kernel has no such calls, but what was kept in a file may have them. */
	if (filter->calls && rec->call >= MLOCK2MON_NR_CALLS)
		return 0;
	return mlmon_filter_pass(filter, rec);
}

int mlock2mon_set_watermark(struct mlock2mon *reader, uint32_t records)
{
	return ioctl(reader->fd, MLOCK2MON_IOC_WATERMARK, &records) ? -1 : 0;
}

int mlock2mon_fd(const struct mlock2mon *reader)
{
	return reader->fd;
}

uint64_t mlock2mon_loss(const struct mlock2mon *reader)
{
	return reader->lost;
}

int mlock2mon_get_info(struct mlock2mon *reader, struct mlock2mon_info *info)
{
	if (ioctl(reader->fd, MLOCK2MON_IOC_INFO, info))
		return -1;
	if (!is_mapped(reader) && reader->dry)
		move_on(reader, info->position);
	info->position = reader->position;
	info->lost = reader->lost;
	info->skipped = reader->skipped;
	return 0;
}

/* ---- open and close ---------------------------------------------------------------------- */

static int map_ring(struct mlock2mon *reader, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, reader->fd, 0);

	if (map == MAP_FAILED)
		return -1;
	reader->map_size = size;
	if (ring_init(&reader->ring, map, size))
		return 0;
	errno = EPROTO;
	return -1;
}

static int make_buffer(struct mlock2mon *reader)
{
	uint32_t format = MLOCK2MON_FORMAT_BINARY;

	reader->buffer.bytes = malloc(BUFFER_SIZE);
	if (!reader->buffer.bytes)
		return -1;
	return ioctl(reader->fd, MLOCK2MON_IOC_FORMAT, &format);
}

static int set_up(struct mlock2mon *reader, const char *path, unsigned int flags)
{
	struct mlock2mon_info info;

	reader->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (reader->fd < 0 || ioctl(reader->fd, MLOCK2MON_IOC_INFO, &info))
		return -1;
	if (!info.abi || info.record_size < sizeof(struct mlock2mon_record) ||
	    info.record_size > RECORD_MOST || info.map_size > SIZE_MAX ||
	    info.map_size < sizeof(struct mlock2mon_header)) {
		errno = EPROTO;
		return -1;
	}
	reader->record_size = info.record_size;
	reader->position = info.position;
	reader->told = info.position;
	return flags & MLOCK2MON_OPEN_MAP ? map_ring(reader, info.map_size) : make_buffer(reader);
}

struct mlock2mon *mlock2mon_open(const char *path, unsigned int flags)
{
	struct mlock2mon *reader;

	if (flags & ~MLOCK2MON_OPEN_MAP) {
		errno = EINVAL;
		return NULL;
	}
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return NULL;
	if (!set_up(reader, path ? path : MLOCK2MON_DEVICE, flags))
		return reader;
	mlock2mon_close(reader);
	return NULL;
}

void mlock2mon_close(struct mlock2mon *reader)
{
	int error = errno;

	if (!reader)
		return;
	if (reader->map_size)
		munmap((void *)reader->ring.header, reader->map_size);
	if (reader->fd >= 0)
		close(reader->fd);
	free(reader->buffer.bytes);
	free(reader);
	errno = error;
}

/* ---- text -------------------------------------------------------------------------------- */

_Static_assert(MLOCK2MON_LINE_MAX >= MLMON_LINE_MAX, "a line must fit");

size_t mlock2mon_format(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	return mlmon_format_record(buf, size, rec);
}

_Static_assert(MLOCK2MON_FLAGS_MAX >= MLMON_FLAGS_TEXT, "flags must fit");

size_t mlock2mon_format_flags(char *buf, size_t size, unsigned int call, uint32_t flags)
{
	return mlmon_format_flags(buf, size, call, flags);
}

int mlock2mon_page_range(const struct mlock2mon_record *rec, uint64_t *addr, uint64_t *len)
{
	__u64 page_addr, page_len;

	if (!mlmon_page_range(rec, &page_addr, &page_len))
		return 0;
	*addr = page_addr;
	*len = page_len;
	return 1;
}

const char *mlock2mon_errno_name(int error)
{
	return mlmon_errno_name(error);
}

static int find_name(const char *(*name_of)(unsigned int), int nr, const char *name)
{
	int i;

	for (i = 0; i < nr; i++) {
		if (!strcmp(name_of(i), name))
			return i;
	}
	return -1;
}

const char *mlock2mon_call_name(unsigned int call)
{
	return mlmon_call_name(call);
}

int mlock2mon_call_number(const char *name)
{
	return find_name(mlmon_call_name, MLOCK2MON_NR_CALLS, name);
}

const char *mlock2mon_why_name(unsigned int why)
{
	return mlmon_why_name(why);
}

int mlock2mon_why_number(const char *name)
{
	return find_name(mlmon_why_name, MLOCK2MON_NR_WHYS, name);
}
