/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "triple-options.h"

#include "args.h"
#include "cli.h"
#include "jsonl.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char usage[] =
        "usage: commit-triple write [OPTION]... A B C [-- CMD [ARG]...]\n"
        "       commit-triple read  [OPTION]... A B C\n"
        "       commit-triple check|repair|status [OPTION]... A B C | -r DIR... | --list=FILE\n"
        "Keep one file as three copies, best on three devices: it survives a device that dies, "
        "rots,\n"
        "tears a write or puts it in the wrong place. Beside each copy lies a sidecar, "
        ".NAME.triple.\n"
        "The order of the copies is part of the set.\n"
        "\n"
        "Writing\n"
        "      --from=SRC           content from SRC, not from standard input; - is that too\n"
        "      --ok=CODES           statuses of CMD that count as success too: 1,3-5\n"
        "      --allow-empty        empty content is meant\n"
        "  -f, --force              write over edits by hand, forks and other sets\n"
        "      --block-size=SIZE    what is compared and repaired as one; default 64K\n"
        "      --no-reread          do not read back what was flushed\n"
        "Reading\n"
        "      --to=FILE            replace FILE, wholly or not at all, instead of writing to\n"
        "                           standard output\n"
        "Checking\n"
        "  -r, --recursive          the sets of all sidecars below each DIR\n"
        "      --list=FILE          names of copies, one a line, three of each set; - is standard "
        "input\n"
        "  -0, --null               names in the list end with a zero byte\n"
        "      --resume=FILE        skip the sets that FILE names, and note there those that are "
        "done;\n"
        "                           FILE is removed when all are\n"
        "      --repaired-ok        exit with 0, not 10, when something was or can be repaired\n"
        "      --prom=FILE          write counts for node_exporter's textfile collector\n"
        "All\n"
        "      --raw                the bare rule: whole files, majority, else A; no sidecars\n"
        "      --min-copies=N       copies that must take part; default 3 to write, else 2\n"
        "      --strict             refuse copies that can die together, do not only warn\n"
        "      --bwlimit=SIZE       bytes a second that checking reads at most: 500K, 20M\n"
        "      --wait=SECONDS       for the lock; default 60, 0 does not wait\n"
        "  -n, --dry-run            do all that changes nothing, and say what would be done\n"
        "  -q, --quiet    -v, --verbose    --json    --help    --version\n"
        "\n"
        "Exit status: 0 done, 10 repaired or to be repaired, 1 failed or not all could be read,\n"
        "2 usage, 3 committed but not on all copies, 4 refused, 5 busy, 6 undecided, 11 a person\n"
        "must decide.\n";

enum {
	OPT_FROM = 256,
	OPT_OK,
	OPT_ALLOW_EMPTY,
	OPT_BLOCK_SIZE,
	OPT_NO_REREAD,
	OPT_TO,
	OPT_LIST,
	OPT_RESUME,
	OPT_REPAIRED_OK,
	OPT_PROM,
	OPT_RAW,
	OPT_MIN_COPIES,
	OPT_STRICT,
	OPT_BWLIMIT,
	OPT_WAIT,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longs[] = {
        {"from", required_argument, NULL, OPT_FROM},
        {"ok", required_argument, NULL, OPT_OK},
        {"allow-empty", no_argument, NULL, OPT_ALLOW_EMPTY},
        {"force", no_argument, NULL, 'f'},
        {"block-size", required_argument, NULL, OPT_BLOCK_SIZE},
        {"no-reread", no_argument, NULL, OPT_NO_REREAD},
        {"to", required_argument, NULL, OPT_TO},
        {"recursive", no_argument, NULL, 'r'},
        {"list", required_argument, NULL, OPT_LIST},
        {"null", no_argument, NULL, '0'},
        {"resume", required_argument, NULL, OPT_RESUME},
        {"repaired-ok", no_argument, NULL, OPT_REPAIRED_OK},
        {"prom", required_argument, NULL, OPT_PROM},
        {"raw", no_argument, NULL, OPT_RAW},
        {"min-copies", required_argument, NULL, OPT_MIN_COPIES},
        {"strict", no_argument, NULL, OPT_STRICT},
        {"bwlimit", required_argument, NULL, OPT_BWLIMIT},
        {"wait", required_argument, NULL, OPT_WAIT},
        {"dry-run", no_argument, NULL, 'n'},
        {"quiet", no_argument, NULL, 'q'},
        {"verbose", no_argument, NULL, 'v'},
        {"json", no_argument, NULL, OPT_JSON},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
};

static const struct parse_word commands[] = {
        {"write", TRIPLE_WRITE},   {"read", TRIPLE_READ},     {"check", TRIPLE_CHECK},
        {"repair", TRIPLE_REPAIR}, {"status", TRIPLE_STATUS}, {NULL, 0},
};

/* Options that only some commands know, as bits of enum triple_command. */
#define ON(command) (1u << (command))
#define WRITES ON(TRIPLE_WRITE)
#define READS ON(TRIPLE_READ)
#define LOOKS (ON(TRIPLE_CHECK) | ON(TRIPLE_REPAIR) | ON(TRIPLE_STATUS))

static const struct {
	int option;
	unsigned commands;
	const char *name;
} only[] = {
        {OPT_FROM, WRITES, "--from"},
        {OPT_OK, WRITES, "--ok"},
        {OPT_ALLOW_EMPTY, WRITES, "--allow-empty"},
        {'f', WRITES, "--force"},
        {OPT_BLOCK_SIZE, WRITES, "--block-size"},
        {OPT_NO_REREAD, WRITES, "--no-reread"},
        {OPT_TO, READS, "--to"},
        {'r', LOOKS, "--recursive"},
        {OPT_LIST, LOOKS, "--list"},
        {'0', LOOKS, "--null"},
        {OPT_RESUME, LOOKS, "--resume"},
        {OPT_REPAIRED_OK, LOOKS, "--repaired-ok"},
        {OPT_PROM, LOOKS, "--prom"},
};

struct reading {
	struct triple_options *options;
	/* elements of only[] that were given */
	bool given[COUNT(only)];
	bool statuses;
};

static bool set_switch(struct triple_options *options, int option)
{
	static const struct {
		int option;
		unsigned flag;
	} flags[] = {
	        {OPT_RAW, COMMIT_TRIPLE_RAW},
	        {OPT_STRICT, COMMIT_TRIPLE_STRICT},
	        {OPT_ALLOW_EMPTY, COMMIT_TRIPLE_ALLOW_EMPTY},
	        {OPT_NO_REREAD, COMMIT_TRIPLE_NO_REREAD},
	        {'f', COMMIT_TRIPLE_FORCE},
	        {'n', COMMIT_TRIPLE_DRY_RUN},
	};

	for (size_t i = 0; i < COUNT(flags); i++)
		if (flags[i].option == option) {
			options->triple.flags |= flags[i].flag;
			options->dry_run |= option == 'n';
			return true;
		}
	switch (option) {
	case 'r':
		options->recursive = true;
		return true;
	case '0':
		options->separator = '\0';
		return true;
	case OPT_REPAIRED_OK:
		options->repaired_ok = true;
		return true;
	default:
		return cli_switch(option);
	}
}

static int set_string(const char *option, const char *value, const char **string)
{
	if (value[0] == '\0')
		return cli_usage(option, "its value is empty");
	if (*string != NULL)
		return cli_usage(option, "given twice");
	*string = value;
	return COMMIT_OK;
}

static int set_min_copies(struct triple_options *options, const char *value)
{
	if (value[0] < '1' || value[0] > '3' || value[1] != '\0')
		return cli_usage("--min-copies", "'%s' is not 1, 2 or 3", value);
	options->triple.min_copies = (unsigned)(value[0] - '0');
	return COMMIT_OK;
}

static int set_block_size(struct triple_options *options, const char *value)
{
	uint64_t size = 0;
	int rc = parse_size("--block-size", value, &size);

	if (rc == COMMIT_OK && (size < 4096 || size > (1u << 30) || (size & (size - 1)) != 0))
		rc = cli_usage("--block-size", "'%s' is no power of two from 4K to 1G", value);
	if (rc == COMMIT_OK)
		options->triple.block_size = (uint32_t)size;
	return rc;
}

static int set_value(struct reading *reading, int option, const char *value)
{
	struct triple_options *options = reading->options;

	switch (option) {
	case OPT_FROM:
		return set_string("--from", value, &options->from);
	case OPT_TO:
		return set_string("--to", value, &options->to);
	case OPT_LIST:
		return set_string("--list", value, &options->list);
	case OPT_RESUME:
		return set_string("--resume", value, &options->resume);
	case OPT_PROM:
		return set_string("--prom", value, &options->prom);
	case OPT_OK:
		reading->statuses = true;
		return parse_statuses("--ok", value, options->accepted);
	case OPT_BLOCK_SIZE:
		return set_block_size(options, value);
	case OPT_MIN_COPIES:
		return set_min_copies(options, value);
	case OPT_BWLIMIT:
		return parse_size("--bwlimit", value, &options->triple.bwlimit);
	default:
		return parse_seconds("--wait", value, &options->triple.wait_ms);
	}
}

static int set_option(void *context, int option, const char *value)
{
	struct reading *reading = context;

	if (option == OPT_HELP)
		return cli_help(usage);
	if (option == OPT_VERSION)
		return cli_version();
	for (size_t i = 0; i < COUNT(only); i++)
		reading->given[i] |= only[i].option == option;
	if (option == OPT_JSON) {
		reading->options->json = true;
		return jsonl_option();
	}
	return set_switch(reading->options, option) ? COMMIT_OK : set_value(reading, option, value);
}

static const char *command_name(enum triple_command command)
{
	for (size_t i = 0; commands[i].word != NULL; i++)
		if (commands[i].value == (int)command)
			return commands[i].word;
	return "";
}

/* The first operand is the command; the others move up. */
static int take_command(struct triple_options *options, struct args *args)
{
	int command = 0, rc;

	if (args->operand_count == 0)
		return cli_usage(NULL, "a command is missing: write, read, check, repair, status");
	rc = parse_choice("command", args->operands[0], commands, &command);
	options->command = (enum triple_command)command;
	args->operand_count--;
	memmove(args->operands, args->operands + 1,
	        ((size_t)args->operand_count + 1) * sizeof(*args->operands));
	return rc;
}

static int check_copies(const struct triple_options *options)
{
	static const char *const letters[] = {"A", "B", "C"};

	if (options->operand_count < 3)
		return cli_usage(NULL, "copy %s is missing", letters[options->operand_count]);
	if (options->operand_count > 3)
		return cli_usage(options->operands[3], "a fourth copy; there are three");
	for (int i = 0; i < 3; i++)
		if (strcmp(options->operands[i], "-") == 0)
			return cli_usage("-", "cannot be a copy; a file of that name is ./-");
	return COMMIT_OK;
}

static int check_operands(const struct triple_options *options)
{
	for (int i = 0; i < options->operand_count; i++)
		if (options->operands[i][0] == '\0')
			return cli_usage(NULL, "a name is empty");
	if (options->recursive && options->list != NULL)
		return cli_usage("--list", "there is --recursive too");
	if (options->list != NULL && options->operand_count > 0)
		return cli_usage(options->operands[0], "there is a list of copies too");
	if (options->recursive && options->operand_count == 0)
		return cli_usage("--recursive", "DIR is missing");
	if (options->recursive && (options->triple.flags & COMMIT_TRIPLE_RAW) != 0)
		return cli_usage("--raw", "sets without sidecars cannot be found; name the copies");
	return options->recursive || options->list != NULL ? COMMIT_OK : check_copies(options);
}

/* Options that contradict each other or that could have no effect. */
static int check_sense(const struct triple_options *options, const struct reading *reading)
{
	bool many = options->recursive || options->list != NULL;

	for (size_t i = 0; i < COUNT(only); i++)
		if (reading->given[i] && (only[i].commands & ON(options->command)) == 0)
			return cli_usage(only[i].name, "is not for %s",
			                 command_name(options->command));
	if (options->producer != NULL && options->command != TRIPLE_WRITE)
		return cli_usage("--", "a command is for write only");
	if (options->from != NULL && options->producer != NULL)
		return cli_usage("--from",
		                 "there is a command too, but there can be one source only");
	if (reading->statuses && options->producer == NULL)
		return cli_usage("--ok", "is about the status of a command, and there is none");
	if (options->separator == '\0' && options->list == NULL)
		return cli_usage("--null", "is about a list, and there is none");
	if (options->resume != NULL && !many)
		return cli_usage("--resume", "is about many sets, and there is one");
	if (options->json && options->command == TRIPLE_READ && options->to == NULL)
		return cli_usage("--json", "the content is on standard output; give --to=FILE");
	return COMMIT_OK;
}

int triple_options_parse(struct triple_options *options, int argc, char **argv)
{
	struct reading reading = {.options = options};
	struct args args = {
	        .shorts = "fr0nqv",
	        .longs = longs,
	        .takes_command = true,
	        .set = set_option,
	        .context = &reading,
	};
	int rc;

	memset(options, 0, sizeof(*options));
	options->separator = '\n';
	commit_triple_options_init(&options->triple);
	rc = args_parse(&args, argc, argv);
	if (rc == COMMIT_OK)
		rc = take_command(options, &args);
	options->operands = args.operands;
	options->operand_count = args.operand_count;
	options->producer = args.command;
	if (rc == COMMIT_OK)
		rc = check_operands(options);
	if (rc == COMMIT_OK)
		rc = check_sense(options, &reading);
	return rc;
}

void triple_options_release(struct triple_options *options)
{
	free(options->operands);
	options->operands = NULL;
}
