/* SPDX-License-Identifier: ISC */
/*
 * commit_rvm.h - recoverable virtual memory: memory whose committed changes survive
 *
 *     commit_rvm_create_log("app.log", NULL, &err);                once
 *     commit_rvm_initialize("app.log", NULL, &rvm, &err);          recovers
 *     commit_rvm_map(rvm, "app.data", 0, size, NULL, COMMIT_RVM_CREATE, &memory, &err);
 *     commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &xact, &err);
 *     commit_rvm_set_range(xact, &memory->field, sizeof ..., &err);   before each change
 *     memory->field = ...;
 *     commit_rvm_end_xact(xact, COMMIT_RVM_FLUSH, &err);            durable
 *     commit_rvm_terminate(rvm, &err);
 *
 * The lightweight recoverable virtual memory (LRVM) of Satyanarayanan et al.: a
 * segment is a file, a region is a part of it that is mapped privately, a
 * transaction declares what it is going to change, and its end writes the new
 * values to a write-ahead log (redo). Nothing writes a segment but truncation,
 * which applies what is in the log, while transactions go on. There is no
 * isolation: who shares memory between threads locks it himself, until
 * commit_rvm_end_xact or abort_xact has returned.
 *
 * Vista mode (options.mode) has the same calls and needs no log of new values:
 * regions are mapped shared, old values go into an undo log that is mapped as
 * well, and the end of a transaction drops it, without a system call. A crash is
 * an abort. After Lowell and Chen, "Free transactions with Rio Vista", 1997.
 *
 * What survives in the Vista mode: the death of the process, on any file system.
 * The loss of power and a crash of the system only where segments and log lie on
 * persistent memory (DAX and MAP_SYNC; statistics.persistent tells), or where
 * memory itself survives. Else initialize says so with COMMIT_ECONFLICT and
 * ENOTRECOVERABLE after a restart, and touches nothing; see accept_restart.
 *
 * What survives in the LRVM mode: after COMMIT_RVM_FLUSH the death of the process and the loss of
 * power; after COMMIT_RVM_NO_FLUSH neither, until commit_rvm_flush, a later
 * transaction with COMMIT_RVM_FLUSH, or the bounds of the queue have made it
 * durable. The order of commits is kept: what survives is a prefix of them.
 *
 * One process uses a log or a segment; a second one gets COMMIT_EBUSY. After a
 * fork only the parent may go on.
 *
 * Threads: everything may be called by many threads, a transaction by one at a
 * time; terminate when no other call is under way. The library runs one thread
 * of its own for each commit_rvm of the LRVM mode, in which all signals are blocked.
 *
 * Errors: COMMIT_EFAILED: nothing changed, a transaction is still open and may
 * be aborted. COMMIT_EUNDECIDED: a flush of the log failed; the transaction
 * has ended, and what the log holds is known after terminate and initialize.
 */
#ifndef COMMIT_RVM_H
#define COMMIT_RVM_H

#include <commit_error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct commit_rvm;
struct commit_rvm_xact;

/* See above; a log is of one of them for ever. */
enum commit_rvm_mode { COMMIT_RVM_LRVM, COMMIT_RVM_VISTA };

struct commit_rvm_options {
	/* set by commit_rvm_options_init; do not change */
	size_t size;
	/* default COMMIT_RVM_LRVM; cannot be set later */
	enum commit_rvm_mode mode;
	/*
	 * Vista: initialize also where the system has been restarted meanwhile and not
	 * all was on persistent memory: you know that the page cache has got to the disk
	 * or has survived (an orderly shutdown, a battery). Default 0.
	 */
	int accept_restart;
	/* What follows is for LRVM; Vista checks the values and ignores them. */
	/* of the log, before commits wait for truncation; default 64 MiB, at least 1 MiB */
	uint64_t log_size;
	/* the log is truncated when it is that full; default 50, 1 to 90 */
	unsigned truncate_percent;
	/* no_flush transactions wait at most so long, and are at most so many bytes */
	int64_t queue_ms;     /* default 1000 */
	uint64_t queue_bytes; /* default 1 MiB */
};

struct commit_rvm_statistics {
	/* Vista: all commits */
	uint64_t flush_commits;
	uint64_t no_flush_commits;
	uint64_t aborts;
	/* written to the log, without padding to blocks; Vista: undo records of commits */
	uint64_t log_bytes;
	uint64_t truncations;
	/* commits that had to wait for truncation */
	uint64_t waits;
	/* now: not truncated, not in the log yet, transactions that are open */
	uint64_t log_used;
	uint64_t queued_bytes;
	uint64_t open_xacts;
	/* Vista: 1 as long as all that is mapped is on persistent memory, regions and undo logs */
	int persistent;
};

enum commit_rvm_begin { COMMIT_RVM_RESTORE, COMMIT_RVM_NO_RESTORE };
enum commit_rvm_end { COMMIT_RVM_FLUSH, COMMIT_RVM_NO_FLUSH };

/* Bits of flags of commit_rvm_map: make the segment, or let it grow, where it is missing. */
#define COMMIT_RVM_CREATE (1u << 0)

COMMIT_API void commit_rvm_options_init(struct commit_rvm_options *opt);

/* Makes a log, a directory. COMMIT_EREFUSED: there is one already. */
COMMIT_API int commit_rvm_create_log(const char *log, const struct commit_rvm_options *opt,
                                     struct commit_error *err);

/*
 * Opens the log and applies what it holds to its segments; Vista: takes back what
 * was open. COMMIT_EBUSY: another process uses it. COMMIT_EREFUSED: it is of the
 * other mode. COMMIT_ECONFLICT: it is damaged, or a segment that it has changes of
 * is gone or another one, or memory has not survived; nothing was touched.
 */
COMMIT_API int commit_rvm_initialize(const char *log, const struct commit_rvm_options *opt,
                                     struct commit_rvm **rvm, struct commit_error *err);

/*
 * Flushes, truncates, unmaps all regions. COMMIT_EREFUSED: transactions are open;
 * nothing was done. After any other result rvm is gone.
 */
COMMIT_API int commit_rvm_terminate(struct commit_rvm *rvm, struct commit_error *err);

/*
 * Maps length bytes of a segment at offset, both multiples of the page size; at
 * wanted, if that is not NULL and nothing is there, else anywhere.
 * COMMIT_EREFUSED: the part or the address is mapped already, the segment is too
 * short. COMMIT_EBUSY: another process uses the segment.
 */
COMMIT_API int commit_rvm_map(struct commit_rvm *rvm, const char *segment, uint64_t offset,
                              size_t length, void *wanted, unsigned flags, void **memory,
                              struct commit_error *err);

/* memory is what map gave. COMMIT_EREFUSED: an open transaction has a range in it. */
COMMIT_API int commit_rvm_unmap(struct commit_rvm *rvm, void *memory, struct commit_error *err);

/* NO_RESTORE: it cannot be aborted, and old values are not copied. */
COMMIT_API int commit_rvm_begin_xact(struct commit_rvm *rvm, enum commit_rvm_begin mode,
                                     struct commit_rvm_xact **xact, struct commit_error *err);

/*
 * Before these bytes are changed. They lie in one region; ranges may overlap.
 * After an error none of them is declared.
 */
COMMIT_API int commit_rvm_set_range(struct commit_rvm_xact *xact, void *start, size_t length,
                                    struct commit_error *err);

/*
 * COMMIT_EFAILED, among others for a transaction that is larger than the log: it is
 * still open. Vista: both modes are the same, and it does not fail.
 */
COMMIT_API int commit_rvm_end_xact(struct commit_rvm_xact *xact, enum commit_rvm_end mode,
                                   struct commit_error *err);

/*
 * Memory is as it was. COMMIT_EREFUSED: it is NO_RESTORE, and still open. Vista,
 * COMMIT_EFAILED: something has written to the undo log; nothing was put back.
 */
COMMIT_API int commit_rvm_abort_xact(struct commit_rvm_xact *xact, struct commit_error *err);

/* All that has ended is durable. Vista, this and truncate: segments are written to their devices.
 */
COMMIT_API int commit_rvm_flush(struct commit_rvm *rvm, struct commit_error *err);

/* All that has ended is in its segments, durably. Transactions may go on meanwhile. */
COMMIT_API int commit_rvm_truncate(struct commit_rvm *rvm, struct commit_error *err);

COMMIT_API void commit_rvm_query_options(struct commit_rvm *rvm, struct commit_rvm_options *opt);
COMMIT_API int commit_rvm_set_options(struct commit_rvm *rvm, const struct commit_rvm_options *opt,
                                      struct commit_error *err);
COMMIT_API void commit_rvm_statistics(struct commit_rvm *rvm,
                                      struct commit_rvm_statistics *statistics);

/*
 * The auditor of forgotten set_range: each end of a transaction, unmap and terminate
 * compare what was written with what was declared. For debugging: it keeps a copy of
 * all regions, and one transaction ends at a time.
 */
struct commit_rvm_breach {
	/* bytes that were changed, and that no open transaction had declared */
	const unsigned char *address;
	size_t length;
	/* the region that they are in: its memory, and its offset in the segment */
	const unsigned char *region;
	uint64_t offset;
	const char *segment;
	/* the nearest declared range of open transactions in that region; NULL: there is none */
	const unsigned char *nearest;
	size_t nearest_length;
};

enum commit_rvm_audit_method {
	COMMIT_RVM_AUDIT_OFF,
	/* every byte is compared */
	COMMIT_RVM_AUDIT_COMPARE,
	/* of those pages that userfaultfd says were written (Linux 6.7) */
	COMMIT_RVM_AUDIT_WRITTEN
};

/*
 * Calls found, from the thread that ends a transaction, unmaps or terminates, for each
 * run of such bytes, once; *breach is valid meanwhile, and found may not call this
 * library. NULL ends auditing. *method, if it is not NULL, is what the system can do.
 * What was written and has its old value again is not seen. COMMIT_EREFUSED: a
 * transaction is open.
 */
COMMIT_API int
commit_rvm_audit(struct commit_rvm *rvm,
                 void (*found)(void *context, const struct commit_rvm_breach *breach),
                 void *context, enum commit_rvm_audit_method *method, struct commit_error *err);

#ifdef __cplusplus
}
#endif

#endif
