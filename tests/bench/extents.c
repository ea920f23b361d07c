/* SPDX-License-Identifier: ISC */
/*
 * extents FILE - print "BYTES-SHARED BYTES-MAPPED" of FILE's extents (FIEMAP)
 *
 * FILE is flushed first, because extents that are not yet allocated have no
 * address that could be shared.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BATCH 256

struct tally {
	uint64_t shared;
	uint64_t mapped;
	uint64_t next;
	int last;
};

static int add_batch(int fd, struct fiemap *map, struct tally *tally)
{
	unsigned i;

	map->fm_start = tally->next;
	map->fm_length = FIEMAP_MAX_OFFSET - tally->next;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = BATCH;
	map->fm_mapped_extents = 0;
	if (ioctl(fd, FS_IOC_FIEMAP, map) < 0)
		return -1;
	tally->last = map->fm_mapped_extents == 0;
	for (i = 0; i < map->fm_mapped_extents; i++) {
		const struct fiemap_extent *e = &map->fm_extents[i];

		tally->mapped += e->fe_length;
		if (e->fe_flags & FIEMAP_EXTENT_SHARED)
			tally->shared += e->fe_length;
		tally->next = e->fe_logical + e->fe_length;
		if (e->fe_flags & FIEMAP_EXTENT_LAST)
			tally->last = 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct tally tally = {0, 0, 0, 0};
	struct fiemap *map;
	int fd, rc = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: extents FILE\n");
		return 2;
	}
	map = calloc(1, sizeof(*map) + BATCH * sizeof(map->fm_extents[0]));
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (map == NULL || fd < 0)
		rc = -1;
	while (rc == 0 && !tally.last)
		rc = add_batch(fd, map, &tally);
	if (rc < 0)
		perror(argv[1]);
	else
		printf("%llu %llu\n", (unsigned long long)tally.shared,
		       (unsigned long long)tally.mapped);
	if (fd >= 0)
		close(fd);
	free(map);
	return rc < 0;
}
