/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "range-options.h"

#include "args.h"
#include "cli.h"
#include "jsonl.h"
#include "parse.h"

#include <string.h>

static const char usage[] =
        "usage: commit-range write [OPTION]... --at=OFFSET FILE   bytes from standard input\n"
        "       commit-range apply [OPTION]... FILE < SCRIPT      many ranges, all or none\n"
        "       commit-range log [OPTION]... FILE                 its log, and what recovery would "
        "do\n"
        "Edit ranges of a big file or a block device in place, as one transaction. After a crash\n"
        "the next commit-range, or commit-recover, finishes it or takes it back.\n"
        "\n"
        "A line of SCRIPT, words in C quotation marks where they have blanks or control bytes:\n"
        "  write OFFSET BYTES       hex OFFSET DIGITS\n"
        "  from OFFSET SRC          zero OFFSET LENGTH\n"
        "OFFSET and LENGTH: 4096, 0x1000, 4K, 20G. Where ranges overlap the later one counts.\n"
        "\n"
        "      --at=OFFSET          where the bytes go\n"
        "      --undo               write-behind: a crash takes the edit back\n"
        "      --allow-empty        no bytes or no ranges are meant: nothing is done\n"
        "      --journal-dir=DIR    where the log goes; needed for block devices\n"
        "      --wait=SECONDS       for the lock; default 60, 0 does not wait\n"
        "  -n, --dry-run            check everything, change nothing\n"
        "  -q, --quiet    -v, --verbose    --json    --help    --version\n"
        "\n"
        "Exit status: 0 done and durable, 1 failed, 2 usage, 3 committed but not finished\n"
        "(commit-recover finishes), 4 refused, 5 busy, 6 undecided, 11 a person must decide.\n";

enum {
	OPT_AT = 256,
	OPT_UNDO,
	OPT_ALLOW_EMPTY,
	OPT_JOURNAL_DIR,
	OPT_WAIT,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longs[] = {
        {"at", required_argument, NULL, OPT_AT},
        {"undo", no_argument, NULL, OPT_UNDO},
        {"allow-empty", no_argument, NULL, OPT_ALLOW_EMPTY},
        {"journal-dir", required_argument, NULL, OPT_JOURNAL_DIR},
        {"wait", required_argument, NULL, OPT_WAIT},
        {"dry-run", no_argument, NULL, 'n'},
        {"quiet", no_argument, NULL, 'q'},
        {"verbose", no_argument, NULL, 'v'},
        {"json", no_argument, NULL, OPT_JSON},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
};

static int set_directory(struct range_options *options, const char *value)
{
	if (*value == '\0')
		return cli_usage("--journal-dir", "is empty");
	options->range.journal_dir = value;
	return COMMIT_OK;
}

static int set(void *context, int option, const char *value)
{
	struct range_options *options = context;

	switch (option) {
	case OPT_AT:
		options->has_at = true;
		return parse_bytes("--at", value, &options->at);
	case OPT_UNDO:
		options->range.protocol = COMMIT_WRITE_BEHIND;
		return COMMIT_OK;
	case OPT_ALLOW_EMPTY:
		options->allow_empty = true;
		return COMMIT_OK;
	case OPT_JOURNAL_DIR:
		return set_directory(options, value);
	case OPT_WAIT:
		return parse_seconds("--wait", value, &options->range.wait_ms);
	case 'n':
		options->range.dry_run = 1;
		return COMMIT_OK;
	case OPT_JSON:
		options->json = true;
		return jsonl_option();
	case OPT_HELP:
		return cli_help(usage);
	case OPT_VERSION:
		return cli_version();
	default:
		return cli_switch(option) ? COMMIT_OK : cli_usage(NULL, "no such option");
	}
}

static int take_operands(struct range_options *options, const struct args *args)
{
	static const char *const commands[] = {"write", "apply", "log"};
	int command = 0;

	if (args->operand_count == 0)
		return cli_usage(NULL, "which of write, apply, log?");
	while (command <= RANGE_LOG && strcmp(args->operands[0], commands[command]) != 0)
		command++;
	if (command > RANGE_LOG)
		return cli_usage(args->operands[0], "is none of write, apply, log");
	if (args->operand_count == 1)
		return cli_usage(NULL, "no FILE is given");
	if (args->operand_count > 2)
		return cli_usage(args->operands[2], "one FILE too many");
	options->command = (enum range_command)command;
	options->file = args->operands[1];
	if (*options->file == '\0' || strcmp(options->file, "-") == 0)
		return cli_usage(options->file, "is no name of a file");
	return COMMIT_OK;
}

static int check(const struct range_options *options)
{
	bool is_write = options->command == RANGE_WRITE;

	if (is_write && !options->has_at)
		return cli_usage("--at", "is missing: where do the bytes go?");
	if (!is_write && options->has_at)
		return cli_usage("--at", "is for write only");
	if (options->command == RANGE_LOG && (options->range.protocol == COMMIT_WRITE_BEHIND ||
	                                      options->allow_empty || options->range.dry_run))
		return cli_usage("log", "only looks: --undo, --allow-empty and -n are not for it");
	return COMMIT_OK;
}

int range_options_parse(struct range_options *options, int argc, char **argv)
{
	struct args args = {.shorts = "nqv", .longs = longs, .set = set, .context = options};
	int rc;

	memset(options, 0, sizeof(*options));
	commit_range_options_init(&options->range);
	rc = args_parse(&args, argc, argv);
	if (rc == COMMIT_OK)
		rc = take_operands(options, &args);
	if (rc == COMMIT_OK)
		rc = check(options);
	args_release(&args);
	return rc;
}
