// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/mlock2mon: the ring as text, as records or as memory, for every open
 * file a position, a format and a filter of its own.
 *
 * A reader's mutex guards what is the reader's; it is not held while the reader
 * sleeps. A thread that waits looks at the position without it, and may be
 * wrong when another thread uses the same file: it looks again with the mutex.
 *
 * Reading passes over what the filter keeps back. Polling must do so as well,
 * to know whether a read would give something, and so it too moves the reader.
 *
 * Ordering, by label:
 *   poll:A / end:A in ring.c   on the queue before the ring is looked at, against
 *                              record published before the queue is looked at
 */
#include <linux/atomic.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "compat.h"
#include "filter.h"
#include "format.h"
#include "internal.h"

struct reader {
	u64			opened;		/* constant: first sequence number after open */
	struct mutex		lock;

	/* ---- under the lock; also read without it by those who wait */
	u64			next;		/* position */
	u64			since;		/* from here on the watermark counts records */
	u32			watermark;
	u32			format;
	struct mlock2mon_filter	filter;

	/* ---- under the lock */
	u64			lost;
	u64			skipped;
	struct mlock2mon_record	rec;		/* the next one, perhaps a loss */
	char			line[MLMON_LINE_MAX];
};

static atomic64_t readers_open = ATOMIC64_INIT(0);
static atomic64_t readers_lost = ATOMIC64_INIT(0);

static int device_open(struct inode *inode, struct file *file)
{
	struct reader *reader;

	if (file->f_mode & FMODE_WRITE)
		return -EACCES;
	if (!mlmon_may_read())
		return -EPERM;

	reader = kzalloc(sizeof(*reader), GFP_KERNEL);
	if (!reader)
		return -ENOMEM;
	mutex_init(&reader->lock);
	reader->opened = mlmon_ring_next(&mlmon_ring);
	reader->next = mlmon_ring_oldest(&mlmon_ring);
	reader->since = reader->next;
	reader->watermark = 1;
	file->private_data = reader;
	/* A position counts records, so an offset in bytes has no meaning. */
	file->f_mode &= ~(FMODE_PREAD | FMODE_PWRITE);
	atomic64_inc(&readers_open);
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	struct reader *reader = file->private_data;

	if (!reader->watermark)
		mlmon_ring_hasten(&mlmon_ring, false);
	atomic64_dec(&readers_open);
	mutex_destroy(&reader->lock);
	kfree(reader);
	return 0;
}

/* ---- what comes next ------------------------------------------------------------------- */

/* Are so many records there that somebody who waits should be woken? */
static bool enough(struct reader *reader)
{
	u32 watermark = READ_ONCE(reader->watermark);
	u64 since = READ_ONCE(reader->since);

	return watermark <= 1 || mlmon_ring_next(&mlmon_ring) >= since + watermark;
}

/* Is it worth to look with the lock whether there is something to read? */
static bool ready(struct reader *reader)
{
	u64 next = READ_ONCE(reader->next);

	if (!mlmon_ring_readable(&mlmon_ring, next))
		return false;
	return enough(reader) || mlmon_ring_lost(&mlmon_ring, next);
}

static void make_loss(struct reader *reader, u64 lost)
{
	memset(&reader->rec, 0, sizeof(reader->rec));
	reader->rec.call = MLOCK2MON_LOST;
	reader->rec.seq = reader->next;
	reader->rec.len = lost;
	if (reader->filter.fields)
		reader->rec.attr = MLOCK2MON_ATTR_UNFILTERED;
}

/*
 * Puts what is to be read next into reader->rec and says which position follows it.
 * The reader has not moved yet, for it may not fit, but stands where it is: what the
 * filter keeps back has been passed over. What came after the call began is left for
 * another call, so that writers cannot keep a reader here.
 */
static bool find_next(struct reader *reader, u64 *after)
{
	u64 lost = 0;
	u64 end = 0;

	do {
		*after = reader->next;
		if (mlmon_ring_read(&mlmon_ring, after, &lost, &reader->rec))
			*after += !lost;
		else if (!lost)
			break;
		if (lost)
			make_loss(reader, lost);
		if (lost || mlmon_filter_pass(&reader->filter, &reader->rec))
			return true;
		if (!end)
			end = mlmon_ring_next(&mlmon_ring);
		WRITE_ONCE(reader->next, *after);
		reader->skipped++;
		cond_resched();
	} while (reader->next < end && !fatal_signal_pending(current));

	/* The watermark was reached, and there was nothing in it for this reader. */
	if (enough(reader))
		WRITE_ONCE(reader->since, reader->next);
	return false;
}

static void move_to(struct reader *reader, u64 next)
{
	WRITE_ONCE(reader->since, next);
	WRITE_ONCE(reader->next, next);
}

/* ---- read ------------------------------------------------------------------------------ */

/* The bytes of reader->rec, in the reader's format. */
static size_t render(struct reader *reader, const void **bytes)
{
	const struct mlock2mon_record *rec = &reader->rec;

	if (reader->format == MLOCK2MON_FORMAT_BINARY) {
		*bytes = rec;
		return sizeof(*rec);
	}
	*bytes = reader->line;
	return mlmon_format_record(reader->line, sizeof(reader->line), rec);
}

/* As many whole records as there are and fit; 0 if there is none. */
static ssize_t read_records(struct reader *reader, char __user *buf, size_t size)
{
	const void *bytes;
	size_t done = 0;
	size_t len;
	u64 after;

	while (find_next(reader, &after)) {
		len = render(reader, &bytes);
		if (len > size - done)
			return done ? done : -EINVAL;
		if (copy_to_user(buf + done, bytes, len))
			return done ? done : -EFAULT;
		if (reader->rec.call == MLOCK2MON_LOST) {
			reader->lost += reader->rec.len;
			atomic64_add(reader->rec.len, &readers_lost);
		}
		move_to(reader, after);
		done += len;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	return done;
}

static ssize_t device_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	bool wait = !(file->f_flags & O_NONBLOCK);
	struct reader *reader = file->private_data;
	ssize_t ret;

	if (!size)
		return 0;
	for (;;) {
		/* It would not become larger by waiting. */
		if (READ_ONCE(reader->format) == MLOCK2MON_FORMAT_BINARY &&
		    size < sizeof(reader->rec))
			return -EINVAL;
		if (wait && wait_event_interruptible(mlmon_ring.readers, ready(reader)))
			return -ERESTARTSYS;
		if (mutex_lock_interruptible(&reader->lock))
			return -ERESTARTSYS;
		ret = read_records(reader, buf, size);
		mutex_unlock(&reader->lock);
		if (ret)
			return ret;
		if (!wait)
			return -EAGAIN;
		if (signal_pending(current))
			return -ERESTARTSYS;
	}
}

/* ---- poll ------------------------------------------------------------------------------ */

static __poll_t poll_filtered(struct reader *reader)
{
	__poll_t events = 0;
	u64 after;

	/*
	 * Who dies here does not see what it is told; but an epoll set, which others may
	 * use, would take silence for the end of an event.
	 */
	if (mutex_lock_killable(&reader->lock))
		return EPOLLIN | EPOLLRDNORM;
	if (find_next(reader, &after)) {
		events = EPOLLIN | EPOLLRDNORM;
		if (reader->rec.call == MLOCK2MON_LOST)
			events |= EPOLLPRI;
	} else if (fatal_signal_pending(current)) {
		events = EPOLLIN | EPOLLRDNORM;
	}
	mutex_unlock(&reader->lock);
	return events;
}

static __poll_t device_poll(struct file *file, poll_table *wait)
{
	struct reader *reader = file->private_data;

	poll_wait(file, &mlmon_ring.readers, wait);
	smp_mb();			/* poll:A, pairs with end:A in ring.c */
	if (!ready(reader))
		return 0;
	if (READ_ONCE(reader->filter.fields))
		return poll_filtered(reader);
	if (mlmon_ring_lost(&mlmon_ring, READ_ONCE(reader->next)))
		return EPOLLIN | EPOLLRDNORM | EPOLLPRI;
	return EPOLLIN | EPOLLRDNORM;
}

/* ---- lseek ----------------------------------------------------------------------------- */

/* The position is a sequence number. Returns it, or -EINVAL. */
static loff_t seek_to(struct reader *reader, loff_t offset, int whence)
{
	u64 next = mlmon_ring_next(&mlmon_ring);

	if (whence == SEEK_SET && offset > 0)
		return offset <= next ? offset : -EINVAL;
	if (offset)
		return -EINVAL;
	switch (whence) {
	case SEEK_SET:
		return mlmon_ring_oldest(&mlmon_ring);
	case SEEK_CUR:
		return reader->next;
	case SEEK_END:
		return next;
	case SEEK_DATA:
		return reader->opened;
	default:
		return -EINVAL;
	}
}

static loff_t device_llseek(struct file *file, loff_t offset, int whence)
{
	struct reader *reader = file->private_data;
	bool back = false;
	loff_t pos;

	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	pos = seek_to(reader, offset, whence);
	if (pos >= 0 && pos != reader->next) {
		back = pos < reader->next;
		move_to(reader, pos);
	}
	mutex_unlock(&reader->lock);
	if (back)
		mlmon_ring_wake(&mlmon_ring);
	return pos;
}

/* ---- ioctl ----------------------------------------------------------------------------- */

static u64 features(void)
{
	return (mlmon_related ? MLOCK2MON_FEATURE_RELATED : 0) |
	       (mlmon_collapse ? MLOCK2MON_FEATURE_COLLAPSE : 0);
}

static long get_info(struct reader *reader, struct mlock2mon_info __user *to)
{
	const struct mlock2mon_header *header = mlmon_ring.header;
	struct mlock2mon_info info = {
		.abi = header->abi,
		.record_size = header->record_size,
		.records = header->records,
		.load_id = header->load_id,
		.map_size = header->map_size,
		.near_kb = mlmon_near_bytes >> 10,
		.features = features(),
	};

	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	info.oldest = mlmon_ring_oldest(&mlmon_ring);
	info.position = reader->next;
	info.next = mlmon_ring_next(&mlmon_ring);
	info.lost = reader->lost;
	info.skipped = reader->skipped;
	info.format = reader->format;
	info.watermark = reader->watermark;
	mutex_unlock(&reader->lock);
	return copy_to_user(to, &info, sizeof(info)) ? -EFAULT : 0;
}

static long set_format(struct reader *reader, const u32 __user *from)
{
	u32 format;

	if (get_user(format, from))
		return -EFAULT;
	if (format >= MLOCK2MON_NR_FORMATS)
		return -EINVAL;
	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	WRITE_ONCE(reader->format, format);
	mutex_unlock(&reader->lock);
	return 0;
}

static long set_filter(struct reader *reader, const struct mlock2mon_filter __user *from)
{
	struct mlock2mon_filter filter;

	if (copy_from_user(&filter, from, sizeof(filter)))
		return -EFAULT;
	if (!mlmon_filter_valid(&filter))
		return -EINVAL;
	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	data_race(reader->filter = filter);	/* poll looks at fields alone */
	mutex_unlock(&reader->lock);
	return 0;
}

static long get_filter(struct reader *reader, struct mlock2mon_filter __user *to)
{
	struct mlock2mon_filter filter;

	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	filter = reader->filter;
	mutex_unlock(&reader->lock);
	return copy_to_user(to, &filter, sizeof(filter)) ? -EFAULT : 0;
}

static long set_watermark(struct reader *reader, const u32 __user *from)
{
	u32 watermark;

	if (get_user(watermark, from))
		return -EFAULT;
	if (watermark > mlmon_ring.header->records / 2)
		return -EINVAL;
	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	if (!watermark != !reader->watermark)
		mlmon_ring_hasten(&mlmon_ring, !watermark);
	WRITE_ONCE(reader->watermark, watermark);
	mutex_unlock(&reader->lock);
	mlmon_ring_wake(&mlmon_ring);
	return 0;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct reader *reader = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case MLOCK2MON_IOC_INFO:
		return get_info(reader, user);
	case MLOCK2MON_IOC_FORMAT:
		return set_format(reader, user);
	case MLOCK2MON_IOC_FILTER:
		return set_filter(reader, user);
	case MLOCK2MON_IOC_GET_FILTER:
		return get_filter(reader, user);
	case MLOCK2MON_IOC_WATERMARK:
		return set_watermark(reader, user);
	default:
		return -ENOTTY;
	}
}

/* ---- mmap ------------------------------------------------------------------------------ */

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct page *page = mlmon_ring_page(&mlmon_ring, vmf->pgoff);

	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct map_ops = {
	.fault	= map_fault,
};

/*
 * Nobody can write to such a mapping: the file cannot be opened for writing, VM_MAYWRITE
 * is gone, so mprotect() is refused, and a debugger may force a write only into private
 * memory, where it would get a copy; private mappings are refused.
 *
 * A child does not inherit it unless its parent wants so, since it may have given its
 * privileges up. The mapping holds the file, and the file the module.
 */
static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff || vma->vm_end - vma->vm_start > mlmon_ring.header->map_size)
		return -EINVAL;
	/* VM_SHARED has been taken away: the file cannot be written. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EACCES;
	mlmon_vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP,
			   VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_ops = &map_ops;
	return 0;
}

static const struct file_operations device_ops = {
	.owner		= THIS_MODULE,
	.open		= device_open,
	.release	= device_release,
	.read		= device_read,
	.poll		= device_poll,
	.llseek		= device_llseek,
	.unlocked_ioctl	= device_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= device_mmap,
};

static struct miscdevice device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "mlock2mon",
	.fops	= &device_ops,
	.mode	= 0400,
};

/**
 * mlmon_chardev_count() - readers of the device
 * @counts: the result
 *
 * Context: any.
 */
void mlmon_chardev_count(struct mlmon_reader_counts *counts)
{
	counts->open = atomic64_read(&readers_open);
	counts->lost = atomic64_read(&readers_lost);
}

/**
 * mlmon_chardev_init() - make the device
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int mlmon_chardev_init(void)
{
	return misc_register(&device);
}

/**
 * mlmon_chardev_exit() - take the device away
 *
 * An open file keeps a module that has been loaded, so there is none any more.
 *
 * Context: process, may sleep.
 */
void mlmon_chardev_exit(void)
{
	misc_deregister(&device);
}
