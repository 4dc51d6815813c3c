# SPDX-License-Identifier: GPL-2.0
# Make tables of the rows that a part of the benchmark left:
#	awk -v format=md|json|medians [-v title=TEXT] [-v kernel=RELEASE] -f bench-rows.awk ROWS [NOTES]
# The format medians is rows again, of one value a cell.
# A line of ROWS is TABLE, ROW, COLUMN and VALUE with tabs between; VALUE is a number,
# `error: TEXT` or `text: TEXT`. Of the last file, if its name ends in notes, a line is a note. Tables, rows and
# columns keep the order in which they came. Several values of a cell are samples of it.

BEGIN { FS = "\t" }

function quoted(text)
{
	gsub(/["\\]/, "\\\\&", text)
	gsub(/[^ -~]/, "?", text)
	return "\"" text "\""
}

function escaped(text)
{
	gsub(/\|/, "\\|", text)
	gsub(/</, "\\&lt;", text)
	return text
}

# number: as it came if it is whole, else with four digits that count.
function number(value)
{
	if (value == int(value))
		return sprintf("%.0f", value)
	if (value >= 1000 || value <= -1000)
		return sprintf("%.0f", value)
	return sprintf("%.4g", value)
}

# The samples of a cell, in ascending order.
function add_sample(cell, value, i)
{
	for (i = ++samples[cell]; i > 1 && sample[cell, i - 1] > value; i--)
		sample[cell, i] = sample[cell, i - 1]
	sample[cell, i] = value
}

function minimum(cell)
{
	return sample[cell, 1]
}

function median(cell, n)
{
	n = samples[cell]
	return (sample[cell, int((n + 1) / 2)] + sample[cell, int(n / 2) + 1]) / 2
}

function add_row(table, row, column, value, cell)
{
	cell = table SUBSEP row SUBSEP column
	if (!(table in known)) {
		known[table]
		tables[++nr_tables] = table
	}
	if (!((table, row) in known_row)) {
		known_row[table, row]
		rows[table, ++nr_rows[table]] = row
	}
	if (!((table, column) in known_column)) {
		known_column[table, column]
		columns[table, ++nr_columns[table]] = column
	}
	if (value ~ /^error:/) {
		sub(/^error: */, "", value)
		error[cell] = value
	} else if (value ~ /^text:/) {
		sub(/^text: */, "", value)
		words[cell] = value
	} else {
		add_sample(cell, value + 0)
	}
}

# differ: by more than 1 %.
function differ(low, high, size)
{
	size = high < 0 ? -high : high
	return high - low > size / 100
}

function md_cell(cell, text)
{
	if (samples[cell]) {
		text = number(median(cell))
		if (differ(minimum(cell), median(cell)))
			text = number(minimum(cell)) " / " text
	}
	if (cell in words)
		text = escaped(words[cell])
	if (cell in error)
		text = text (text == "" ? "" : "; ") "error: " escaped(error[cell])
	return text
}

function md_table(table, r, c)
{
	printf "\n### %s\n\n| |", escaped(table)
	for (c = 1; c <= nr_columns[table]; c++)
		printf " %s |", escaped(columns[table, c])
	printf "\n|---|"
	for (c = 1; c <= nr_columns[table]; c++)
		printf "--:|"
	print ""
	for (r = 1; r <= nr_rows[table]; r++) {
		printf "| %s |", escaped(rows[table, r])
		for (c = 1; c <= nr_columns[table]; c++)
			printf " %s |", md_cell(table SUBSEP rows[table, r] SUBSEP columns[table, c])
		print ""
	}
}

function md(i)
{
	if (title != "")
		printf "## %s%s\n", title, kernel == "" ? "" : ", Linux " kernel
	for (i = 1; i <= nr_tables; i++)
		md_table(tables[i])
	if (nr_notes)
		print ""
	for (i = 1; i <= nr_notes; i++)
		print "* " escaped(notes[i])
}

function json_samples(cell, i, text)
{
	for (i = 1; i <= samples[cell]; i++)
		text = text (i > 1 ? ", " : "") sprintf("%.15g", sample[cell, i])
	return text
}

# No digit of a count of instructions is to be lost: %.15g.
function json_cell(cell, text)
{
	if (samples[cell])
		text = sprintf("\"min\": %.15g, \"median\": %.15g, \"samples\": [%s]", minimum(cell),
			median(cell), json_samples(cell))
	if (cell in words)
		text = "\"text\": " quoted(words[cell])
	if (cell in error)
		text = text (text == "" ? "" : ", ") "\"error\": " quoted(error[cell])
	return "{" text "}"
}

function json_row(table, row, c, cell, comma)
{
	printf "        {\"row\": %s, \"cells\": {", quoted(row)
	for (c = 1; c <= nr_columns[table]; c++) {
		cell = table SUBSEP row SUBSEP columns[table, c]
		if (!samples[cell] && !(cell in error) && !(cell in words))
			continue
		printf "%s\n          %s: %s", comma, quoted(columns[table, c]), json_cell(cell)
		comma = ","
	}
	printf "}}"
}

function json_table(table, r)
{
	printf "    {\"table\": %s, \"rows\": [\n", quoted(table)
	for (r = 1; r <= nr_rows[table]; r++) {
		json_row(table, rows[table, r])
		print r == nr_rows[table] ? "" : ","
	}
	printf "    ]}"
}

function json(i)
{
	printf "{\n  \"title\": %s,\n  \"kernel\": %s,\n  \"tables\": [\n", quoted(title), quoted(kernel)
	for (i = 1; i <= nr_tables; i++) {
		json_table(tables[i])
		print i == nr_tables ? "" : ","
	}
	printf "  ],\n  \"notes\": ["
	for (i = 1; i <= nr_notes; i++)
		printf "%s\n    %s", (i > 1 ? "," : ""), quoted(notes[i])
	print "]\n}"
}

function cell_medians(table, row, column, cell)
{
	cell = table SUBSEP row SUBSEP column
	if (samples[cell])
		printf "%s\t%s\t%s\t%.15g\n", table, row, column, median(cell)
	if (cell in error)
		printf "%s\t%s\t%s\terror: %s\n", table, row, column, error[cell]
}

function medians(i, table, r, c)
{
	for (i = 1; i <= nr_tables; i++) {
		table = tables[i]
		for (r = 1; r <= nr_rows[table]; r++)
			for (c = 1; c <= nr_columns[table]; c++)
				cell_medians(table, rows[table, r], columns[table, c])
	}
}

FILENAME ~ /notes$/ { notes[++nr_notes] = $0; next }
NF != 4 || $4 !~ /^(-?[0-9.]+(e[-+]?[0-9]+)?$|(error|text):)/ {
	print "bench-rows.awk: not a row: " $0 >"/dev/stderr"
	failed = 1
	exit
}
{ add_row($1, $2, $3, $4) }

END {
	if (failed)
		exit 1
	if (format == "json")
		json()
	else if (format == "medians")
		medians()
	else
		md()
}
