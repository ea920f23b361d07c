/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "seeds.h"

#include <string.h>

enum { BLOCK = 512 };

/* tar(5), ustar */
static void tar_entry(FILE *out, char type, const char *name, const char *link, const char *content)
{
	unsigned char block[BLOCK] = {0};
	unsigned sum = 0;
	size_t i;

	snprintf((char *)block, 100, "%s", name);
	sprintf((char *)block + 100, "%07o", 0644u);
	sprintf((char *)block + 108, "%07o", 0u);
	sprintf((char *)block + 116, "%07o", 0u);
	sprintf((char *)block + 124, "%011o", (unsigned)strlen(content));
	sprintf((char *)block + 136, "%011o", 1700000000u);
	memset(block + 148, ' ', 8);
	block[156] = (unsigned char)type;
	snprintf((char *)block + 157, 100, "%s", link);
	memcpy(block + 257, "ustar\00000", 8);
	strcpy((char *)block + 265, "root");
	strcpy((char *)block + 297, "root");
	for (i = 0; i < BLOCK; i++)
		sum += block[i];
	sprintf((char *)block + 148, "%06o", sum);
	fwrite(block, 1, BLOCK, out);
	if (!*content)
		return;
	memset(block, 0, BLOCK);
	memcpy(block, content, strlen(content));
	fwrite(block, 1, BLOCK, out);
}

static void tar_end(FILE *out)
{
	static const char zeros[2 * BLOCK];

	fwrite(zeros, 1, sizeof zeros, out);
	fclose(out);
}

static void tars(void)
{
	FILE *out = seed_open("archive");

	tar_entry(out, '5', "d/", "", "");
	tar_entry(out, '0', "d/file", "", "content");
	tar_entry(out, '1', "d/hard", "d/file", "");
	tar_entry(out, '2', "link", "../outside", "");
	tar_end(out);
	out = seed_open("archive");
	tar_entry(out, 'x', "pax", "", "30 SCHILY.xattr.user.x=values\n14 path=./d/a\n");
	tar_entry(out, '0', "short", "", "x");
	tar_entry(out, 'L', "././@LongLink", "", "a/long/name/that/stands/alone");
	tar_entry(out, '0', "cut", "", "");
	tar_end(out);
	out = seed_open("archive");
	tar_entry(out, 'x', "pax", "", "52 SCHILY.acl.access=user::rw-,group::r--,other::---\n");
	tar_entry(out, '0', "../up", "", "x");
	tar_entry(out, '3', "device", "", "");
	tar_entry(out, '0', "/absolute", "", "");
	tar_entry(out, '0', ".commit/format", "", "");
	tar_end(out);
}

/* cpio(5), newc */
static void cpio_entry(FILE *out, unsigned mode, const char *name, const char *content)
{
	size_t length = strlen(content), i;

	fprintf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s", 1u, mode, 0u,
	        0u, 1u, 1700000000u, (unsigned)length, 0u, 0u, 0u, 0u, (unsigned)strlen(name) + 1,
	        0u, name);
	for (i = 110 + strlen(name); i % 4 != 0 || i == 110 + strlen(name); i++)
		fputc(0, out);
	fputs(content, out);
	for (i = length; i % 4 != 0; i++)
		fputc(0, out);
}

static void zip_entry(FILE *out, const char *name, const char *content)
{
	size_t length = strlen(content), count = strlen(name);
	long central;

	seed_le(out, 0x04034b50, 4);
	seed_le(out, 10, 2);
	seed_le(out, 0, 8);
	seed_le(out, 0, 4);
	seed_le(out, length, 4);
	seed_le(out, length, 4);
	seed_le(out, count, 2);
	seed_le(out, 0, 2);
	fprintf(out, "%s%s", name, content);
	central = ftell(out);
	seed_le(out, 0x02014b50, 4);
	seed_le(out, 0x030a, 2);
	seed_le(out, 10, 2);
	seed_le(out, 0, 8);
	seed_le(out, 0, 4);
	seed_le(out, length, 4);
	seed_le(out, length, 4);
	seed_le(out, count, 2);
	seed_le(out, 0, 8);
	seed_le(out, 0100644u << 16, 4);
	seed_le(out, 0, 4);
	fputs(name, out);
	seed_le(out, 0x06054b50, 4);
	seed_le(out, 0, 4);
	seed_le(out, 0x00010001, 4);
	seed_le(out, 46 + count, 4);
	seed_le(out, (uint64_t)central, 4);
	seed_le(out, 0, 2);
}

void seeds_archive(void)
{
	FILE *out = seed_open("archive");

	cpio_entry(out, 0040755, "d", "");
	cpio_entry(out, 0100644, "d/file", "content");
	cpio_entry(out, 0120777, "link", "d/file");
	cpio_entry(out, 0, "TRAILER!!!", "");
	fclose(out);
	out = seed_open("archive");
	zip_entry(out, "file", "");
	fclose(out);
	tars();
}
