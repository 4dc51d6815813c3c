/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C library of the oldest supported Debian does not have yet; include it after
 * the library's own headers.
 */
#ifndef MLMON_SELFTESTS_LIBC_H
#define MLMON_SELFTESTS_LIBC_H

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif

#ifndef SYS_memfd_secret
#define SYS_memfd_secret	447
#endif

#if !__GLIBC_PREREQ(2, 32)
static inline const char *strerrorname_np(int error)
{
#define NAMED(name)	{ name, #name }
	static const struct {
		int		error;
		const char	*name;
	} names[] = {
		NAMED(EPERM), NAMED(ENOENT), NAMED(ESRCH), NAMED(EINTR), NAMED(EIO),
		NAMED(ENXIO), NAMED(E2BIG), NAMED(ENOEXEC), NAMED(EBADF), NAMED(EAGAIN),
		NAMED(ENOMEM), NAMED(EACCES), NAMED(EFAULT), NAMED(EBUSY), NAMED(EEXIST),
		NAMED(ENODEV), NAMED(ENOTDIR), NAMED(EISDIR), NAMED(EINVAL), NAMED(ENFILE),
		NAMED(EMFILE), NAMED(ENOTTY), NAMED(EFBIG), NAMED(ENOSPC), NAMED(ESPIPE),
		NAMED(EROFS), NAMED(EPIPE), NAMED(ERANGE), NAMED(ENOSYS), NAMED(EOVERFLOW),
		NAMED(EOPNOTSUPP), NAMED(ETIMEDOUT), NAMED(EKEYREJECTED),
	};
#undef NAMED
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].error == error)
			return names[i].name;
	return NULL;
}
#endif

#endif /* MLMON_SELFTESTS_LIBC_H */
