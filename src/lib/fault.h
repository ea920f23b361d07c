/* SPDX-License-Identifier: ISC */
/*
 * fault.h - the fault seam: sys asks here before each call to the kernel
 *
 * In test builds (LC_FAULT) the environment chooses what happens:
 *
 *     COMMIT_FAULT=N:WHAT[:once|forever][:CALL][,...]     up to eight faults
 *     COMMIT_FAULT_LOG=FILE
 *
 * At the Nth call (of the name CALL, if given; else of any name) WHAT happens:
 * an errno name makes it fail, "kill" ends the process by SIGKILL before it,
 * "short" makes a read, write or copy do half of it. "forever" goes on from
 * there. The log gets a line "fired N CALL WHAT" for each, and at a normal
 * exit "calls N" and "leaked N", N the descriptors still open.
 *
 *     COMMIT_FAULT_TRACE=FILE
 *
 * gets a line "call N CALL INODE NAME" for every call, before it happens: INODE
 * of the descriptor it works on, 0 if none, and the NAME it is given, "-" if
 * none; of two descriptors or names it is the one that is changed. So tests can
 * hold the order of calls against the rules.
 *
 * Unit tests choose by lc_fault_arm instead, one fault after the other in one
 * process, and may look on: before a call a test can do what another process
 * might have done there.
 *
 * For the power-loss rig a call or a check may be left out or come too late:
 *
 *     COMMIT_CRASH_MUTANT=skip:FUNCTION[:N]    flushes that FUNCTION asks for, or
 *                                              the Nth of them in a process
 *     COMMIT_CRASH_MUTANT=late:FUNCTION[:N]    they come after the next rename
 *     COMMIT_CRASH_MUTANT=blind:CHECK          a digest is not looked at: record, commit,
 *                                              journal, or log: the first two
 *     COMMIT_CRASH_NOISE=FILE                  somebody flushes that file of his after
 *                                              each change of a name
 *     COMMIT_CRASH_SITES=FILE                  gets a line for each flush: FUNCTION
 *
 * In other builds everything here is nothing.
 */
#ifndef LC_FAULT_H
#define LC_FAULT_H

#include <stddef.h>

#ifdef LC_FAULT

/*
 * 0: go ahead; else the negative errno to fail with. What the call works on is
 * for the trace: a descriptor, -1 if none, and a name or NULL.
 */
int lc_fault_on(const char *call, int fd, const char *name);

/* The same for calls with a length, which may be cut down. */
int lc_fault_length(const char *call, int fd, size_t *length);

/* For calls that change nothing. */
static inline int lc_fault(const char *call)
{
	return lc_fault_on(call, -1, NULL);
}

/* The function that asks for the next flush; sys.h says it. */
void lc_fault_site(const char *function);
/* 1: this flush is to be left out. */
int lc_fault_skips_flush(int fd);
/* 1: some flush is to be left out, and no early start of writing may do its work. */
int lc_fault_skips_hint(void);
/* Called before each call that asks the seam. */
void lc_fault_before(const char *call);
/* 1: the check of that name is to be taken as passed. */
int lc_fault_blind(const char *check);

/* Bookkeeping of descriptors; both return fd. */
int lc_fault_opened(int fd);
int lc_fault_closed(int fd);

/* Takes the place of COMMIT_FAULT; "" or NULL: none. Counting starts anew. */
void lc_fault_arm(const char *faults);
/* Faults that have fired since, and descriptors of sys that are open now. */
unsigned long lc_fault_fired(void);
long lc_fault_open(void);
/* see is called before each call, no lock being held; NULL: nobody looks on. */
void lc_fault_watch(void (*see)(void *context, const char *call), void *context);

#else

static inline int lc_fault(const char *call)
{
	(void)call;
	return 0;
}

static inline int lc_fault_on(const char *call, int fd, const char *name)
{
	(void)call, (void)fd, (void)name;
	return 0;
}

static inline int lc_fault_length(const char *call, int fd, size_t *length)
{
	(void)call, (void)fd, (void)length;
	return 0;
}

static inline int lc_fault_skips_flush(int fd)
{
	(void)fd;
	return 0;
}

static inline int lc_fault_skips_hint(void)
{
	return 0;
}

static inline int lc_fault_blind(const char *check)
{
	(void)check;
	return 0;
}

static inline int lc_fault_opened(int fd)
{
	return fd;
}

static inline int lc_fault_closed(int fd)
{
	return fd;
}

#endif

#endif
