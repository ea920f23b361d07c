/* SPDX-License-Identifier: ISC */
/*
 * seeds DIRECTORY: fills DIRECTORY/TARGET/ with inputs to begin with, made of
 * real logs, journals, names and archives.
 */
#include "config.h"

#include "seeds.h"

#include <string.h>
#include <sys/stat.h>

static const char *top;
static unsigned count;

FILE *seed_open(const char *target)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", top, target);
	mkdir(path, 0777);
	snprintf(path, sizeof path, "%s/%s/seed-%03u", top, target, count++);
	out = fopen(path, "w");
	FUZZ_CHECK(out != NULL);
	return out;
}

void seed_bytes(const char *target, const void *bytes, size_t length)
{
	FILE *out = seed_open(target);

	fwrite(bytes, 1, length, out);
	FUZZ_CHECK(fclose(out) == 0);
}

void seed_le(FILE *out, uint64_t value, size_t bytes)
{
	for (; bytes > 0; bytes--, value >>= 8)
		fputc((int)(value & 255), out);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds DIRECTORY\n");
		return 2;
	}
	top = argv[1];
	mkdir(top, 0777);
	seeds_log();
	seeds_journal();
	seeds_store();
	seeds_text();
	seeds_archive();
	printf("%u seeds\n", count);
	return 0;
}
