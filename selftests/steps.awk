# SPDX-License-Identifier: GPL-2.0
# From the symbols of a kernel, sorted by address, and what QEMU wrote down of its
# instructions, to the instructions of one call in each function. A call is what comes
# between two entries into the kernel and went through the function SUBJECT (a variable);
# of all of these it is one of the median length, which under -icount is that of most.

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

# The call that began at @begin ends before this line.
function finish_call()
{
	if (wanted) {
		from[++calls] = begin
		lengths[count]++
	}
	wanted = count = 0
	begin = length_of_stream + 1
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
		if (sum * 2 >= calls)
			return sorted[i]
	}
}

FNR == NR {
	if ($2 ~ /^[tTwW]$/) {
		address[++symbols] = $1
		name[symbols] = $3 ($4 == "" ? "" : " " $4)
		if ($3 == "entry_SYSCALL_64")
			entry = $1
		# Calls may pass over the first instruction.
		if (inside != "" && inside_end == "" && $1 != inside)
			inside_end = $1
		if ($3 == subject)
			inside = $1
	}
	next
}

# Trace 0: 0x7f12c407e3c0 [0000000000000000/ffffffff8100361f/18c0c2b0/ff020201]
{
	split($4, part, "/")
	if (part[2] == entry) {
		finish_call()
		started = 1
	}
	if (!started || length(part[2]) != 16)
		next
	if (part[2] "" >= inside "" && part[2] "" < inside_end "")
		wanted = 1
	count++
	stream[++length_of_stream] = part[2]
}

END {
	if (!calls)
		exit 1
	length_of_one = median()
	for (c = 1; c <= calls; c++) {
		to = c < calls ? from[c + 1] : length_of_stream + 1
		for (i = from[c] + 1; i < to && stream[i] != entry; i++)
			;
		if (i - from[c] == length_of_one)
			break
	}
	for (i = from[c]; i < from[c] + length_of_one; i++)
		total[function_of(stream[i])]++
	for (f in total)
		print total[f], f
}
