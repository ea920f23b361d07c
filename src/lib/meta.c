/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "meta.h"

#include "error.h"
#include "sys.h"

#include <commit_save.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_LIBATTR
#include <attr/libattr.h>
#endif

#define MODE_BITS ((mode_t)07777)
#define SET_ID ((mode_t)(S_ISUID | S_ISGID))
#define ACL_NAME "system.posix_acl_access"
/* The kernel's own limits (XATTR_LIST_MAX, XATTR_SIZE_MAX). */
#define LIST_MAX 65536
#define VALUE_MAX 65536

/* One application of metadata, and what was lost on the way. */
struct transfer {
	const struct lc_meta_plan *plan;
	int from;
	int to;
	const struct stat *old;
	const char *path;
	struct commit_error *err;
	int owner_lost;
	int group_lost;
	int acl_lost;
	/* one was set or removed, and the mode's group bits with it */
	int acl_changed;
};

int lc_meta_lost(const struct lc_meta_plan *plan, int errnum, const char *what, const char *path,
                 struct commit_error *err)
{
	struct commit_error warning;

	if (plan->strict)
		return lc_error_format(err, COMMIT_EFAILED, errnum, "keep metadata", path,
		                       "cannot keep %s: %s", what, commit_errno_name(errnum));
	if (plan->warn) {
		lc_error_format(&warning, COMMIT_OK, errnum, "keep metadata", path,
		                "cannot keep %s: %s", what, commit_errno_name(errnum));
		plan->warn(plan->context, &warning);
	}
	return 0;
}

static int lost(const struct transfer *t, int rc, const char *what)
{
	return lc_meta_lost(t->plan, -rc, what, t->path, t->err);
}

static int keeps(const struct transfer *t, unsigned what)
{
	return (t->plan->keep & what) != 0;
}

/* What the plan asks for by number must be had; what is only kept may be lost. */
static int asked_failed(const struct transfer *t, int rc, const char *what)
{
	return lc_error_format(t->err, COMMIT_EFAILED, -rc, "chown", t->path,
	                       "cannot set the %s: %s", what, commit_errno_name(-rc));
}

static int set_owner(struct transfer *t, uid_t uid)
{
	int rc = lc_sys_fchown(t->to, uid, (gid_t)-1);

	if (!rc)
		return 0;
	if (t->plan->owner != (uid_t)-1)
		return asked_failed(t, rc, "owner");
	t->owner_lost = 1;
	return lost(t, rc, "owner");
}

static int set_group(struct transfer *t, gid_t gid)
{
	int rc = lc_sys_fchown(t->to, (uid_t)-1, gid);

	if (!rc)
		return 0;
	if (t->plan->group != (gid_t)-1)
		return asked_failed(t, rc, "group");
	t->group_lost = 1;
	return lost(t, rc, "group");
}

/* Both at once where that works; else each alone, to keep what can be kept. */
static int apply_owner(struct transfer *t, struct stat *now)
{
	uid_t uid = t->plan->owner;
	gid_t gid = t->plan->group;
	int rc = 0;

	if (uid == (uid_t)-1)
		uid = t->old && keeps(t, COMMIT_KEEP_OWNER) ? t->old->st_uid : now->st_uid;
	if (gid == (gid_t)-1)
		gid = t->old && keeps(t, COMMIT_KEEP_OWNER) ? t->old->st_gid : now->st_gid;
	if (uid == now->st_uid && gid == now->st_gid)
		return 0;
	if (lc_sys_fchown(t->to, uid, gid) != 0) {
		if (gid != now->st_gid)
			rc = set_group(t, gid);
		if (!rc && uid != now->st_uid)
			rc = set_owner(t, uid);
	}
	if (rc)
		return rc;
	rc = lc_sys_fstat(t->to, now);
	return rc ? lc_error_set(t->err, COMMIT_EFAILED, -rc, "stat", t->path, NULL) : 0;
}

/* Reads a whole list or value whose size may change while it is asked for. */
static ssize_t list_names(int fd, char **list)
{
	ssize_t length = lc_sys_listxattr(fd, NULL, 0);

	*list = NULL;
	if (length <= 0)
		return length == -EOPNOTSUPP || length == -ENOSYS ? 0 : length;
	*list = malloc(LIST_MAX);
	if (!*list)
		return -ENOMEM;
	length = lc_sys_listxattr(fd, *list, LIST_MAX);
	if (length < 0) {
		free(*list);
		*list = NULL;
	}
	return length;
}

/*
 * Attributes that belong to the old content or to the file system's own
 * book-keeping. /etc/xattr.conf, where libattr reads it, may name more.
 */
static int is_skipped(const char *name)
{
	static const char *const never[] = {"security.ima", "security.evm"};
	static const char *const prefixes[] = {"afs.", "xfsroot.", "trusted.SGI_",
	                                       "trusted.overlay.", "btrfs."};
	size_t i;

	for (i = 0; i < sizeof never / sizeof never[0]; i++)
		if (strcmp(name, never[i]) == 0)
			return 1;
	for (i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return 1;
#ifdef HAVE_LIBATTR
	return attr_copy_action(name, NULL) == ATTR_ACTION_SKIP;
#else
	return 0;
#endif
}

/* ACLs of other kinds (NFSv4) are attributes too, but kept as ACLs. */
static int is_acl(const char *name)
{
	return strcmp(name, ACL_NAME) == 0 || strcmp(name, "system.nfs4_acl") == 0;
}

static int copy_value(const struct transfer *t, const char *name, void *value)
{
	ssize_t length = lc_sys_getxattr(t->from, name, value, VALUE_MAX);

	/* Removed since it was listed: there is nothing to keep. */
	if (length == -ENODATA)
		return 0;
	if (length < 0)
		return (int)length;
	return lc_sys_setxattr(t->to, name, value, (size_t)length);
}

static int copy_one(struct transfer *t, const char *name, void *value)
{
	char what[300];
	int rc;

	if (is_acl(name)) {
		/* Left behind on purpose it leaves its mask in the mode all the same. */
		if (!keeps(t, COMMIT_KEEP_ACL)) {
			t->acl_lost = 1;
			return 0;
		}
		t->acl_changed = 1;
		rc = strcmp(name, ACL_NAME) == 0 ? lc_sys_copy_acl(t->from, t->to)
		                                 : copy_value(t, name, value);
		if (!rc)
			return 0;
		t->acl_lost = 1;
		return lost(t, rc, rc == -ENOSYS ? "ACL (built without libacl)" : "ACL");
	}
	if (!keeps(t, COMMIT_KEEP_XATTR) || is_skipped(name))
		return 0;
	rc = copy_value(t, name, value);
	if (!rc)
		return 0;
	strcpy(what, "attribute ");
	strncat(what, name, sizeof what - sizeof "attribute ");
	return lost(t, rc, what);
}

static int copy_names(struct transfer *t, const char *list, ssize_t length)
{
	const char *name;
	void *value;
	int rc = 0;

	if (length == 0)
		return 0;
	value = malloc(VALUE_MAX);
	if (!value)
		return lc_error_set(t->err, COMMIT_EFAILED, ENOMEM, "keep metadata", t->path, NULL);
	for (name = list; !rc && name < list + length; name += strlen(name) + 1)
		rc = copy_one(t, name, value);
	free(value);
	return rc;
}

/* A directory's default ACL has given the staged file one that the old lacks. */
static int drop_inherited_acl(struct transfer *t)
{
	int rc = lc_sys_removexattr(t->to, ACL_NAME);

	t->acl_changed = 1;
	if (!rc || rc == -ENODATA || rc == -EOPNOTSUPP || rc == -ENOSYS)
		return 0;
	return lc_error_set(t->err, COMMIT_EFAILED, -rc, "remove inherited ACL", t->path, NULL);
}

static int apply_attributes(struct transfer *t)
{
	char *list = NULL;
	ssize_t length;
	int rc;

	/*
	 * The staged file first: an ACL that it inherited must go before one is
	 * copied, and also where it cannot be told whether there is one.
	 */
	length = list_names(t->to, &list);
	free(list);
	rc = length != 0 ? drop_inherited_acl(t) : 0;
	if (rc || t->from < 0)
		return rc;
	length = list_names(t->from, &list);
	if (length < 0)
		rc = lost(t, (int)length, "extended attributes");
	else
		rc = copy_names(t, list, length);
	free(list);
	return rc;
}

/*
 * The mode's group bits are the ACL's mask where there is an ACL. Whoever the
 * group bits were meant for, if we lost the group or the ACL they now would let
 * in others: those get what everybody gets.
 */
static mode_t final_mode(const struct transfer *t, const struct stat *now, mode_t base)
{
	mode_t mode = base & MODE_BITS;
	int same_owner = t->old && t->old->st_uid == now->st_uid;
	int same_group = t->old && t->old->st_gid == now->st_gid;

	if (!same_owner || !same_group)
		mode &= ~SET_ID;
	if (keeps(t, COMMIT_KEEP_MODE) && (t->group_lost || t->acl_lost))
		mode = (mode & ~(mode_t)S_IRWXG) | ((mode & S_IRWXO) << 3);
	return (mode & t->plan->mode_and) | t->plan->mode_or;
}

int lc_meta_has_acl(int fd)
{
	return lc_sys_getxattr(fd, ACL_NAME, NULL, 0) != -ENODATA;
}

int lc_meta_apply(int from, const struct stat *st, int is_new, int to,
                  const struct lc_meta_plan *plan, const char *path, struct commit_error *err)
{
	struct transfer t = {plan, from, to, is_new ? NULL : st, path, err, 0, 0, 0, 0};
	struct stat now;
	int rc = lc_sys_fstat(to, &now);

	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "stat", path, NULL);
	rc = apply_owner(&t, &now);
	if (!rc)
		rc = apply_attributes(&t);
	if (rc)
		return rc;
	/* File systems write to their journals also a mode that is what it was. */
	if (!t.acl_changed && (now.st_mode & MODE_BITS) == final_mode(&t, &now, st->st_mode))
		return 0;
	rc = lc_sys_fchmod(to, final_mode(&t, &now, st->st_mode));
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "chmod", path, NULL);
	return 0;
}
