/* SPDX-License-Identifier: GPL-2.0 */
/* CRC-32C (Castagnoli), of which the processor may know how to reckon it. */
#ifndef TOOLS_CRC32C_H
#define TOOLS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of @size bytes that follow those of which @crc is; 0 at the beginning. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t size);

#endif
