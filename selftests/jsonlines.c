// SPDX-License-Identifier: GPL-2.0
/*
 * jsonlines: is every line of stdin one JSON object?
 *
 * Prints the number of lines and succeeds, or prints the first line that is
 * none, to stderr, and fails.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jsonlines.h"

int main(void)
{
	char *line = NULL;
	size_t room = 0, lines = 0;
	ssize_t len;

	while ((len = getline(&line, &room, stdin)) > 0) {
		lines++;
		if (line[len - 1] != '\n' || !jsonl_is_object(line, len - 1)) {
			fprintf(stderr, "line %zu is no JSON object: %s\n", lines, line);
			return 1;
		}
	}
	free(line);
	printf("%zu\n", lines);
	return 0;
}
