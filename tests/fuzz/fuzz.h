/* SPDX-License-Identifier: ISC */
/*
 * fuzz.h - what the fuzz targets have in common
 *
 * A target is one file target-NAME.c with LLVMFuzzerTestOneInput. What it calls
 * must never crash, leak or hang; what it promises is checked with FUZZ_CHECK.
 *
 *     fuzz_input_init(&in, data, size);     taking the input apart
 *     n = fuzz_u8(&in);
 *
 * Inputs that run out read as zeros. Files that need a checksum to be looked at
 * get it from fuzz_seal, where the input asks for that: else no mutation would
 * ever get behind it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that was not kept: the fuzzer saves the input. */
#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fuzz_broken(__FILE__, __LINE__, #condition);                               \
	} while (0)
void fuzz_broken(const char *file, int line, const char *condition) __attribute__((noreturn));

struct fuzz_input {
	const uint8_t *bytes;
	size_t left;
};

void fuzz_input_init(struct fuzz_input *in, const uint8_t *data, size_t size);
uint8_t fuzz_u8(struct fuzz_input *in);
uint16_t fuzz_u16(struct fuzz_input *in);
uint32_t fuzz_u32(struct fuzz_input *in);
uint64_t fuzz_u64(struct fuzz_input *in);
/* Up to wanted bytes of the input; *got tells how many there are. */
const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t wanted, size_t *got);
/* The same as text, to be freed: it ends at the first zero byte. */
char *fuzz_text(struct fuzz_input *in, size_t wanted);
/* A copy that ends where the memory ends, so that reading on is seen; to be freed. */
void *fuzz_copy(const void *bytes, size_t length);

/*
 * Gives what stands there the checksum that its bytes ask for, if its length
 * fits into size. Returns the bytes it takes, 0 if it does not fit.
 */
size_t fuzz_seal(unsigned char *at, size_t size);

/* Bits of fuzz_seal_segment */
#define FUZZ_SEAL_SUMS (1u << 0)   /* checksums of the records */
#define FUZZ_SEAL_CHAIN (1u << 1)  /* their positions, the record before, the salt */
#define FUZZ_SEAL_COMMIT (1u << 2) /* count and digest in commit records */
#define FUZZ_SEAL_ALL (FUZZ_SEAL_SUMS | FUZZ_SEAL_CHAIN | FUZZ_SEAL_COMMIT)
/*
 * The records of a segment image, which begin at the given position. A length
 * that fits nowhere is cut.
 */
void fuzz_seal_segment(unsigned char *image, size_t size, uint64_t first, uint64_t previous,
                       uint64_t salt, unsigned what);

/* Scratch: a directory on tmpfs for this process, removed when it ends well. */
const char *fuzz_scratch(void);
int fuzz_scratch_fd(void);
/* A path in it, to be used before the fourth next call. */
const char *fuzz_path(const char *name);
void fuzz_mkdir(const char *name);
void fuzz_write(const char *name, const void *bytes, size_t length);
void fuzz_symlink(const char *target, const char *name);
/* Removes what is in the directory, and the directory itself unless keep is set. */
void fuzz_clear(const char *name, int keep);
/*
 * A digest of all below a directory: names, types, modes, contents, targets;
 * what has the name skip is left out.
 */
uint64_t fuzz_snapshot(const char *name, const char *skip);

#endif
