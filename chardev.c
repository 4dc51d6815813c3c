// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/mlock2mon: the ring as text, a position for every open file.
 *
 * A reader's mutex guards its position; it is not held while the reader
 * sleeps.
 *
 * Ordering, by label:
 *   poll:A / end:A in ring.c   on the queue before the ring is looked at, against
 *                              record published before the queue is looked at
 */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "internal.h"

struct reader {
	struct mutex	lock;		/* guards next, line */
	u64		next;		/* position; read without lock by those who sleep */
	u64		opened;		/* constant: first sequence number after open */
	char		line[MLMON_LINE_MAX];
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
	file->private_data = reader;
	/* A position counts records, so an offset in bytes has no meaning. */
	file->f_mode &= ~(FMODE_PREAD | FMODE_PWRITE);
	atomic64_inc(&readers_open);
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	struct reader *reader = file->private_data;

	atomic64_dec(&readers_open);
	mutex_destroy(&reader->lock);
	kfree(reader);
	return 0;
}

/*
 * Puts the next line into reader->line and says which position follows it.
 * The reader has not moved yet: the line may not fit.
 */
static size_t next_line(struct reader *reader, u64 *after, u64 *lost)
{
	struct mlock2mon_record rec;
	u64 seq = reader->next;

	*lost = 0;
	while (!mlmon_ring_read(&mlmon_ring, &seq, lost, &rec) && !*lost)
		if (!mlmon_ring_readable(&mlmon_ring, seq))
			return 0;
	if (*lost) {
		*after = seq;
		return mlmon_format_loss(reader->line, sizeof(reader->line), reader->next, *lost);
	}
	*after = seq + 1;
	return mlmon_format_record(reader->line, sizeof(reader->line), &rec);
}

/* As many whole lines as there are and fit; 0 if there is none. */
static ssize_t read_lines(struct reader *reader, char __user *buf, size_t size)
{
	size_t done = 0;
	size_t len;
	u64 after;
	u64 lost;

	for (;;) {
		len = next_line(reader, &after, &lost);
		if (!len)
			return done;
		if (len > size - done)
			return done ? done : -EINVAL;
		if (copy_to_user(buf + done, reader->line, len))
			return done ? done : -EFAULT;
		WRITE_ONCE(reader->next, after);
		atomic64_add(lost, &readers_lost);
		done += len;
		if (signal_pending(current))
			return done;
		cond_resched();
	}
}

static bool readable(struct reader *reader)
{
	return mlmon_ring_readable(&mlmon_ring, READ_ONCE(reader->next));
}

static ssize_t device_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct reader *reader = file->private_data;
	ssize_t ret;

	if (!size)
		return 0;
	for (;;) {
		if (mutex_lock_interruptible(&reader->lock))
			return -ERESTARTSYS;
		ret = read_lines(reader, buf, size);
		mutex_unlock(&reader->lock);
		if (ret)
			return ret;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(mlmon_ring.readers, readable(reader)))
			return -ERESTARTSYS;
	}
}

static __poll_t device_poll(struct file *file, poll_table *wait)
{
	struct reader *reader = file->private_data;
	__poll_t events = 0;
	u64 next;

	poll_wait(file, &mlmon_ring.readers, wait);
	smp_mb();			/* poll:A, pairs with end:A in ring.c */
	next = READ_ONCE(reader->next);
	if (mlmon_ring_readable(&mlmon_ring, next))
		events |= EPOLLIN | EPOLLRDNORM;
	if (mlmon_ring_lost(&mlmon_ring, next))
		events |= EPOLLPRI;
	return events;
}

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
	loff_t pos;

	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	pos = seek_to(reader, offset, whence);
	if (pos >= 0)
		WRITE_ONCE(reader->next, pos);
	mutex_unlock(&reader->lock);
	return pos;
}

static const struct file_operations device_ops = {
	.owner		= THIS_MODULE,
	.open		= device_open,
	.release	= device_release,
	.read		= device_read,
	.poll		= device_poll,
	.llseek		= device_llseek,
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
