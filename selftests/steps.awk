# SPDX-License-Identifier: GPL-2.0
# From the symbols of a kernel, sorted by address, and what QEMU wrote down of its
# instructions, to the instructions of one call in each function. A call is what comes
# between two entries into the kernel; of all that were seen it is one of the median
# length, which under -icount is the length of most.

# function_of PC: addresses have 16 hexadecimal digits, so they compare as text.
function function_of(pc, low, high, middle)
{
	if (pc in known)
		return known[pc]
	low = 1
	high = symbols
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (address[middle] "" <= pc "")
			low = middle
		else
			high = middle - 1
	}
	return known[pc] = pc "" < "8" ? "(user space)" : name[low]
}

function finish_call()
{
	if (calls++)
		lengths[count]++
	count = 0
	split("", pcs)
}

# The numbers of instructions that calls had, in ascending order.
function median(n, i, j, t, sorted, sum)
{
	for (i in lengths)
		sorted[++n] = i + 0
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && sorted[j - 1] > sorted[j]; j--) {
			t = sorted[j]
			sorted[j] = sorted[j - 1]
			sorted[j - 1] = t
		}
	for (i = 1; i <= n; i++) {
		sum += lengths[sorted[i]]
		if (sum * 2 >= calls - 1)
			return sorted[i]
	}
}

FNR == NR {
	if ($2 ~ /^[tTwW]$/) {
		address[++symbols] = $1
		name[symbols] = $3 ($4 == "" ? "" : " " $4)
		if ($3 == "entry_SYSCALL_64")
			entry = $1
	}
	next
}

# Trace 0: 0x7f12c407e3c0 [0000000000000000/ffffffff8100361f/18c0c2b0/ff020201]
{
	split($4, part, "/")
	if (part[2] == entry)
		finish_call()
	if (calls && length(part[2]) == 16) {
		count++
		stream[++length_of_stream] = part[2]
		if (part[2] == entry)
			begin[calls] = length_of_stream
	}
}

END {
	wanted = median()
	for (c = 1; c < calls; c++)
		if (begin[c + 1] - begin[c] == wanted)
			break
	for (i = begin[c]; i < begin[c + 1]; i++)
		total[function_of(stream[i])]++
	for (f in total)
		print total[f], f
}
