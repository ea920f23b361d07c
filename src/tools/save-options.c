/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "save-options.h"

#include "args.h"
#include "cli.h"
#include "jsonl.h"
#include "parse.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char usage[] =
        "usage: commit-save [OPTION]... FILE                 content from standard input\n"
        "       commit-save [OPTION]... FILE -- CMD [ARG]... content is CMD's standard output\n"
        "       commit-save [OPTION]... --from=SRC FILE      content from SRC; - is standard "
        "input\n"
        "       commit-save --token FILE\n"
        "Replace FILE so that it is always wholly old or wholly new. A pipe cannot tell that its\n"
        "producer failed; with -- CMD nothing is replaced unless CMD exits with 0.\n"
        "\n"
        "Content\n"
        "  -a, --append             old content first\n"
        "  -u, --if-changed         leave FILE alone if the content is the same\n"
        "      --unchanged=CODE     then exit with CODE instead of 0 (with -u or -a)\n"
        "      --allow-empty        empty content is meant\n"
        "      --from=SRC           copy SRC\n"
        "      --ok=CODES           statuses of CMD that count as success too: 1,3-5\n"
        "      --validate=CMD       sh -c CMD sh STAGED FILE must exit with 0; {} is STAGED\n"
        "Conditions\n"
        "  -x, --create             FILE must not exist\n"
        "      --must-exist         FILE must exist\n"
        "  -f, --force              replace a read-only FILE\n"
        "      --token              print the token of FILE's state and exit\n"
        "  -e, --expect=TOKEN       FILE must still be in that state\n"
        "      --symlink=WHAT       follow (default), replace, refuse\n"
        "      --hardlink=WHAT      refuse (default), break, in-place\n"
        "      --lock               lock FILE before CMD runs, not only around the commit\n"
        "      --wait=SECONDS       for the lock; default 60, 0 does not wait\n"
        "Old content\n"
        "  -b, --backup[=CONTROL]   keep it: simple (default), numbered, existing, none\n"
        "  -S, --suffix=SUFFIX      of simple backups; default ~\n"
        "Metadata\n"
        "  -m, --mode=MODE          644 or u=rw,g+r\n"
        "  -o, --owner=USER[:GROUP]\n"
        "      --no-preserve=LIST   mode, ownership, acl, xattr, all\n"
        "      --strict             what cannot be kept is an error, not a warning\n"
        "Writing\n"
        "      --in-place           keep the inode; the rewrite is journaled\n"
        "      --journal-dir=DIR    for that journal where FILE's directory cannot take it\n"
        "      --sync=WHAT          full (default), data, none\n"
        "  -n, --dry-run            do all but the commit, and say what it would do\n"
        "Messages\n"
        "  -q, --quiet    -v, --verbose    --json    --help    --version\n"
        "\n"
        "Exit status: 0 done and durable, 1 failed, 2 usage, 3 committed but not proven durable\n"
        "(commit-recover finishes), 4 refused, 5 busy, 6 undecided, 11 a person must decide.\n";

enum {
	OPT_UNCHANGED = 256,
	OPT_MUST_EXIST,
	OPT_ALLOW_EMPTY,
	OPT_TOKEN,
	OPT_NO_PRESERVE,
	OPT_STRICT,
	OPT_SYMLINK,
	OPT_HARDLINK,
	OPT_IN_PLACE,
	OPT_JOURNAL_DIR,
	OPT_VALIDATE,
	OPT_OK,
	OPT_SYNC,
	OPT_LOCK,
	OPT_WAIT,
	OPT_FROM,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION
};

static const char shorts[] = "aubS:xfe:m:o:nqv";

static const struct option longs[] = {
        {"append", no_argument, NULL, 'a'},
        {"if-changed", no_argument, NULL, 'u'},
        {"unchanged", required_argument, NULL, OPT_UNCHANGED},
        {"backup", optional_argument, NULL, 'b'},
        {"suffix", required_argument, NULL, 'S'},
        {"create", no_argument, NULL, 'x'},
        {"must-exist", no_argument, NULL, OPT_MUST_EXIST},
        {"force", no_argument, NULL, 'f'},
        {"allow-empty", no_argument, NULL, OPT_ALLOW_EMPTY},
        {"token", no_argument, NULL, OPT_TOKEN},
        {"expect", required_argument, NULL, 'e'},
        {"mode", required_argument, NULL, 'm'},
        {"owner", required_argument, NULL, 'o'},
        {"no-preserve", required_argument, NULL, OPT_NO_PRESERVE},
        {"strict", no_argument, NULL, OPT_STRICT},
        {"symlink", required_argument, NULL, OPT_SYMLINK},
        {"hardlink", required_argument, NULL, OPT_HARDLINK},
        {"in-place", no_argument, NULL, OPT_IN_PLACE},
        {"journal-dir", required_argument, NULL, OPT_JOURNAL_DIR},
        {"validate", required_argument, NULL, OPT_VALIDATE},
        {"ok", required_argument, NULL, OPT_OK},
        {"sync", required_argument, NULL, OPT_SYNC},
        {"lock", no_argument, NULL, OPT_LOCK},
        {"wait", required_argument, NULL, OPT_WAIT},
        {"from", required_argument, NULL, OPT_FROM},
        {"dry-run", no_argument, NULL, 'n'},
        {"quiet", no_argument, NULL, 'q'},
        {"verbose", no_argument, NULL, 'v'},
        {"json", no_argument, NULL, OPT_JSON},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
};

static const struct parse_word symlinks[] = {
        {"follow", COMMIT_SYMLINK_FOLLOW},
        {"replace", COMMIT_SYMLINK_REPLACE},
        {"refuse", COMMIT_SYMLINK_REFUSE},
        {NULL, 0},
};

static const struct parse_word hardlinks[] = {
        {"refuse", COMMIT_HARDLINK_REFUSE},
        {"break", COMMIT_HARDLINK_BREAK},
        {"in-place", COMMIT_HARDLINK_IN_PLACE},
        {NULL, 0},
};

static const struct parse_word syncs[] = {
        {"full", COMMIT_SYNC_FULL},
        {"data", COMMIT_SYNC_DATA},
        {"none", COMMIT_SYNC_NONE},
        {NULL, 0},
};

/* with the second names that cp(1) has for them */
static const struct parse_word backups[] = {
        {"simple", COMMIT_BACKUP_SIMPLE},
        {"never", COMMIT_BACKUP_SIMPLE},
        {"numbered", COMMIT_BACKUP_NUMBERED},
        {"t", COMMIT_BACKUP_NUMBERED},
        {"existing", COMMIT_BACKUP_EXISTING},
        {"nil", COMMIT_BACKUP_EXISTING},
        {"none", COMMIT_BACKUP_NONE},
        {"off", COMMIT_BACKUP_NONE},
        {NULL, 0},
};

static const struct parse_word preserved[] = {
        {"mode", COMMIT_KEEP_MODE},
        {"ownership", COMMIT_KEEP_OWNER},
        {"acl", COMMIT_KEEP_ACL},
        {"xattr", COMMIT_KEEP_XATTR},
        {"all", COMMIT_KEEP_MODE | COMMIT_KEEP_OWNER | COMMIT_KEEP_ACL | COMMIT_KEEP_XATTR},
        {NULL, 0},
};

/* What was said on the command line, beside its effect on struct save_options. */
struct reading {
	struct save_options *options;
	bool backup;
	bool suffix;
	bool statuses;
};

static bool set_flag(struct save_options *options, int option)
{
	static const struct {
		int option;
		unsigned flag;
	} flags[] = {
	        {'a', COMMIT_SAVE_APPEND},
	        {'u', COMMIT_SAVE_IF_CHANGED},
	        {'x', COMMIT_SAVE_CREATE},
	        {'f', COMMIT_SAVE_FORCE},
	        {OPT_MUST_EXIST, COMMIT_SAVE_MUST_EXIST},
	        {OPT_ALLOW_EMPTY, COMMIT_SAVE_ALLOW_EMPTY},
	        {OPT_STRICT, COMMIT_SAVE_STRICT},
	        {OPT_IN_PLACE, COMMIT_SAVE_IN_PLACE},
	        {OPT_LOCK, COMMIT_SAVE_LOCK_EARLY},
	};

	for (size_t i = 0; i < COUNT(flags); i++)
		if (flags[i].option == option) {
			options->save.flags |= flags[i].flag;
			return true;
		}
	return false;
}

static bool set_switch(struct save_options *options, int option)
{
	switch (option) {
	case OPT_TOKEN:
		options->token = true;
		return true;
	case 'n':
		options->dry_run = true;
		return true;
	default:
		return cli_switch(option);
	}
}

/* Options whose value is one of a few words. */
static int set_word(struct commit_save_options *save, int option, const char *value)
{
	int choice = 0;
	int rc;

	switch (option) {
	case OPT_SYMLINK:
		rc = parse_choice("--symlink", value, symlinks, &choice);
		save->symlink = (enum commit_symlink)choice;
		return rc;
	case OPT_HARDLINK:
		rc = parse_choice("--hardlink", value, hardlinks, &choice);
		save->hardlink = (enum commit_hardlink)choice;
		return rc;
	case OPT_SYNC:
		rc = parse_choice("--sync", value, syncs, &choice);
		save->sync = (enum commit_sync)choice;
		return rc;
	case 'b':
		rc = parse_choice("--backup", value != NULL ? value : "simple", backups, &choice);
		save->backup = (enum commit_backup)choice;
		return rc;
	default:
		return parse_set("--no-preserve", value, preserved, &save->no_preserve);
	}
}

static int set_suffix(struct commit_save_options *save, const char *value)
{
	if (value[0] == '\0' || strchr(value, '/') != NULL)
		return cli_usage("--suffix", "'%s' is no suffix: it is empty or has a / in it",
		                 value);
	save->suffix = value;
	return COMMIT_OK;
}

static int set_from(struct save_options *options, const char *value)
{
	if (value[0] == '\0')
		return cli_usage("--from", "the name of SRC is empty");
	if (options->from != NULL)
		return cli_usage("--from", "given twice: there can be one source only");
	options->from = value;
	return COMMIT_OK;
}

static int set_string(const char *option, const char *value, const char **string)
{
	if (value[0] == '\0')
		return cli_usage(option, "its value is empty");
	*string = value;
	return COMMIT_OK;
}

static int set_value(struct reading *reading, int option, const char *value)
{
	struct save_options *options = reading->options;
	struct commit_save_options *save = &options->save;

	switch (option) {
	case OPT_UNCHANGED:
		return parse_status("--unchanged", value, &options->unchanged);
	case 'S':
		reading->suffix = true;
		return set_suffix(save, value);
	case 'e':
		return set_string("--expect", value, &save->expect);
	case 'm':
		return parse_mode("--mode", value, &save->mode_and, &save->mode_or);
	case 'o':
		return parse_owner("--owner", value, &save->owner, &save->group);
	case OPT_JOURNAL_DIR:
		return set_string("--journal-dir", value, &save->journal_dir);
	case OPT_VALIDATE:
		return set_string("--validate", value, &options->validate);
	case OPT_OK:
		reading->statuses = true;
		return parse_statuses("--ok", value, options->accepted);
	case OPT_WAIT:
		return parse_seconds("--wait", value, &save->wait_ms);
	case OPT_FROM:
		return set_from(options, value);
	case 'b':
		reading->backup = true;
		return set_word(save, option, value);
	default:
		return set_word(save, option, value);
	}
}

static int set_option(void *context, int option, const char *value)
{
	struct reading *reading = context;
	struct save_options *options = reading->options;

	if (option == OPT_HELP)
		return cli_help(usage);
	if (option == OPT_VERSION)
		return cli_version();
	if (option == OPT_JSON) {
		options->json = true;
		return jsonl_option();
	}
	if (set_flag(options, option) || set_switch(options, option))
		return COMMIT_OK;
	return set_value(reading, option, value);
}

static int check_operands(struct save_options *options, const struct args *args)
{
	if (args->operand_count == 0)
		return cli_usage(NULL, "FILE is missing");
	if (args->operand_count > 1)
		return cli_usage(args->operands[1], "a second FILE; commit-save replaces one");
	options->file = args->operands[0];
	options->command = args->command;
	if (options->file[0] == '\0')
		return cli_usage(NULL, "the name of FILE is empty");
	if (strcmp(options->file, "-") == 0)
		return cli_usage("-", "cannot be FILE; a file of that name is ./-");
	return COMMIT_OK;
}

/* Options that contradict each other or that could have no effect. */
static int check_sense(const struct save_options *options, const struct reading *reading)
{
	unsigned flags = options->save.flags;

	if (options->from != NULL && options->command != NULL)
		return cli_usage("--from",
		                 "there is a command too, but there can be one source only");
	if (options->token && (options->from != NULL || options->command != NULL))
		return cli_usage("--token", "only reads FILE and takes no source");
	if (reading->statuses && options->command == NULL)
		return cli_usage("--ok", "is about the status of a command, and there is none");
	if ((flags & COMMIT_SAVE_CREATE) != 0 && (flags & COMMIT_SAVE_MUST_EXIST) != 0)
		return cli_usage("--create", "contradicts --must-exist");
	if (options->unchanged >= 0 && (flags & (COMMIT_SAVE_IF_CHANGED | COMMIT_SAVE_APPEND)) == 0)
		return cli_usage("--unchanged", "needs --if-changed or --append");
	return COMMIT_OK;
}

int save_options_parse(struct save_options *options, int argc, char **argv)
{
	struct reading reading = {.options = options};
	struct args args = {
	        .shorts = shorts,
	        .longs = longs,
	        .takes_command = true,
	        .set = set_option,
	        .context = &reading,
	};
	int rc;

	memset(options, 0, sizeof(*options));
	options->unchanged = -1;
	commit_save_options_init(&options->save);
	rc = args_parse(&args, argc, argv);
	if (rc == COMMIT_OK)
		rc = check_operands(options, &args);
	if (rc == COMMIT_OK)
		rc = check_sense(options, &reading);
	/* as cp: a suffix asks for a simple backup, unless -b said which */
	if (reading.suffix && !reading.backup)
		options->save.backup = COMMIT_BACKUP_SIMPLE;
	args_release(&args);
	return rc;
}
