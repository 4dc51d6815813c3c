/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libmlock2mon: the records of /dev/mlock2mon, for programs.
 *
 * A reader gives each record that the module has kept and passes a filter, oldest
 * first, then each new one; and in the place of records that were overwritten before
 * it came to them, one that tells their loss. It reads the device, or the memory of
 * the ring itself, and gives the same either way.
 *
 * The library prints nothing, ends nothing and keeps nothing outside of a reader.
 * Different readers may be used by different threads at the same time, one reader only
 * by one thread at a time. Names and lines may be asked for by any thread.
 *
 * Functions that fail return -1, or NULL, and say why in errno.
 */
#ifndef LIBMLOCK2MON_H
#define LIBMLOCK2MON_H

#include <stddef.h>
#include <stdint.h>

#include "mlock2mon.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A reader. */
struct mlock2mon;

/* Flags of mlock2mon_open(). */
#define MLOCK2MON_OPEN_MAP	0x1u	/* look at the ring in memory: no system call a record */

/* Any line of mlock2mon_format(), with its NUL, has room in so many bytes. */
#define MLOCK2MON_LINE_MAX	1024

/* The flags of any call, with their NUL, have room in so many bytes. */
#define MLOCK2MON_FLAGS_MAX	192

/* Places to go to with mlock2mon_seek(). */
enum mlock2mon_place {
	MLOCK2MON_SEEK_OLDEST,		/* the oldest record kept, where a reader starts */
	MLOCK2MON_SEEK_NEWEST,		/* past the newest: only what comes from now on */
	MLOCK2MON_SEEK_OPENED,		/* the first record after the reader was opened */
	MLOCK2MON_SEEK_NUMBER		/* the record of a number */
};

/**
 * mlock2mon_open() - begin to read
 * @path: the device; NULL for /dev/mlock2mon
 * @flags: 0 or MLOCK2MON_OPEN_MAP
 *
 * A reader of the mapped ring cannot be used in the child of fork(), to which the
 * kernel does not pass the mapping on.
 *
 * Return: the reader, to be closed with mlock2mon_close(); or NULL:
 *   ENOENT	the module is not loaded
 *   EACCES	the user may not open the device
 *   EPERM	neither CAP_PERFMON nor CAP_SYS_ADMIN in the initial user namespace
 *   EINVAL	unknown flags
 *   ENOTTY	@path is no device of the module, or of one that has text only
 *   EPROTO	the module is one that this library cannot talk with
 *   ENOMEM, and what open(2), ioctl(2) and mmap(2) give
 */
struct mlock2mon *mlock2mon_open(const char *path, unsigned int flags);

/**
 * mlock2mon_close() - end reading
 * @reader: from mlock2mon_open(), or NULL; errno is left as it is
 */
void mlock2mon_close(struct mlock2mon *reader);

/**
 * mlock2mon_set_filter() - give only some of the records
 * @reader: the reader
 * @filter: see mlock2mon.h, copied; NULL for every record
 *
 * It holds from the next record on that mlock2mon_next() gives.
 *
 * Return: 0; or -1, EINVAL: the filter is not valid. The one before then stays.
 */
int mlock2mon_set_filter(struct mlock2mon *reader, const struct mlock2mon_filter *filter);

/**
 * mlock2mon_match() - does a record pass a filter, as the module would decide it
 * @filter: a valid one, see mlock2mon.h
 * @rec: the record; its reason becomes MLOCK2MON_WHY_NEAR_LIMIT if that is what the filter
 *	 asks for
 *
 * For records that were kept.
 *
 * Return: 1; 0 if it does not pass; -1, EINVAL: the filter is not valid.
 */
int mlock2mon_match(const struct mlock2mon_filter *filter, struct mlock2mon_record *rec);

/**
 * mlock2mon_set_watermark() - when to be woken
 * @reader: the reader
 * @records: 0 at once; 1 at the next timer tick, the default; n: at a tick when so many
 *	     records, before the filter, are there
 *
 * What is there can be had any time by mlock2mon_next().
 *
 * Return: 0; or -1, EINVAL: more than half of the ring.
 */
int mlock2mon_set_watermark(struct mlock2mon *reader, uint32_t records);

/**
 * mlock2mon_seek() - go to another place
 * @reader: the reader
 * @place: where to
 * @seq: with MLOCK2MON_SEEK_NUMBER, the number; else 0. If that record is gone, its
 *	 loss, and that of those after it, is what mlock2mon_next() gives first
 *
 * Return: 0; or -1, EINVAL: there is no such place, or no record of that number yet.
 */
int mlock2mon_seek(struct mlock2mon *reader, enum mlock2mon_place place, uint64_t seq);

/**
 * mlock2mon_next() - the next record or loss
 * @reader: the reader
 * @rec: the result. A loss has call MLOCK2MON_LOST: records @rec->seq to
 *	 @rec->seq + @rec->len - 1 were overwritten. If there is a filter, nobody knows
 *	 which of them would have passed, and MLOCK2MON_ATTR_UNFILTERED says so
 *
 * Does not wait.
 *
 * Return: 1; 0 if there is none now; -1 with the errno of read(2), or EPROTO.
 */
int mlock2mon_next(struct mlock2mon *reader, struct mlock2mon_record *rec);

/**
 * mlock2mon_wait() - wait until there may be a next record
 * @reader: the reader
 * @timeout_ms: milliseconds at most; 0: look only; -1: for ever
 *
 * Return: 1 if mlock2mon_next() should be asked, which may still have none; 0 after
 * the time; -1: EINTR a signal was caught, or what poll(2) gives.
 */
int mlock2mon_wait(struct mlock2mon *reader, int timeout_ms);

/**
 * mlock2mon_fd() - the file, for a poll loop
 * @reader: the reader
 *
 * After mlock2mon_next() has returned 0, poll(2) and the like tell POLLIN as soon as
 * there is something to give. Nothing else should be done with it.
 *
 * Return: the file descriptor; the reader closes it.
 */
int mlock2mon_fd(const struct mlock2mon *reader);

/**
 * mlock2mon_loss() - how many records this reader was told were lost
 * @reader: the reader
 *
 * Return: their number, of all losses mlock2mon_next() has given.
 */
uint64_t mlock2mon_loss(const struct mlock2mon *reader);

/**
 * mlock2mon_get_info() - what is there
 * @reader: the reader
 * @info: the result; see mlock2mon.h. Of its members, position, lost and skipped are
 *	  those of mlock2mon_next(): records it gave + skipped + lost are those that it
 *	  went through
 *
 * Return: 0; or -1 with the errno of ioctl(2).
 */
int mlock2mon_get_info(struct mlock2mon *reader, struct mlock2mon_info *info);

/**
 * mlock2mon_format() - the line of a record or a loss, as the device writes it
 * @buf: for the line with its newline and a NUL
 * @size: of @buf, bytes; a line that has no room is cut. See MLOCK2MON_LINE_MAX
 * @rec: from mlock2mon_next()
 *
 * No byte of a process's name reaches the line unescaped.
 *
 * Return: the length of what was written, without the NUL.
 */
size_t mlock2mon_format(char *buf, size_t size, const struct mlock2mon_record *rec);

/**
 * mlock2mon_format_flags() - the flags of a call, as they stand in its line
 * @buf: for the text with a NUL
 * @size: of @buf, bytes. See MLOCK2MON_FLAGS_MAX
 * @call: enum mlock2mon_call
 * @flags: as passed
 *
 * Return: the length of what was written, without the NUL.
 */
size_t mlock2mon_format_flags(char *buf, size_t size, unsigned int call, uint32_t flags);

/**
 * mlock2mon_page_range() - the pages that a range stands for
 * @rec: the record
 * @addr: address of the first page
 * @len: bytes from there
 *
 * Return: 1 if the call has a range that does not begin and end with a page; else 0, and
 * nothing is written.
 */
int mlock2mon_page_range(const struct mlock2mon_record *rec, uint64_t *addr, uint64_t *len);

/**
 * mlock2mon_errno_name() - the name of an error
 * @error: positive errno
 *
 * Return: as in the text of the device, where errors without a name are numbers; NULL then.
 */
const char *mlock2mon_errno_name(int error);

/**
 * mlock2mon_call_name() - the name of a call
 * @call: enum mlock2mon_call
 *
 * Return: as in the text of the device; "?" if there is none.
 */
const char *mlock2mon_call_name(unsigned int call);

/**
 * mlock2mon_call_number() - the call of a name
 * @name: as in the text of the device
 *
 * Return: enum mlock2mon_call; -1 if there is none, errno is left as it is.
 */
int mlock2mon_call_number(const char *name);

/**
 * mlock2mon_why_name() - the token of a reason
 * @why: enum mlock2mon_why
 *
 * Return: as in the text of the device; "?" if there is none.
 */
const char *mlock2mon_why_name(unsigned int why);

/**
 * mlock2mon_why_number() - the reason of a token
 * @name: as in the text of the device; "none" for MLOCK2MON_WHY_NONE
 *
 * Return: enum mlock2mon_why; -1 if there is none, errno is left as it is.
 */
int mlock2mon_why_number(const char *name);

#ifdef __cplusplus
}
#endif

#endif /* LIBMLOCK2MON_H */
