#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# mutate.pl LIST N OUT: carry out the Nth mutation of LIST in the working
# directory. The files it changes are first copied to *.kept, and named in OUT.
# Without N and OUT: print the mutations, one a line, as N, tests, guard, files.
#
# A list has mutations of this form, with empty lines between hunks:
#
#     == TESTS | the guard that is removed
#     @ file
#     - whole lines that are there exactly once
#     + what stands there instead
#
# A hunk that fits nowhere or in two places is an error: then the code has
# changed, and the mutation would prove nothing.
use strict;
use warnings;

my ($list, $number, $out) = @ARGV;
my @mutations;
open my $in, '<', $list or die "$list: $!\n";
my ($file, $hunk);
while (my $line = <$in>) {
	if ($line =~ /^== (.*?) \| (.*)$/) {
		push @mutations, {tests => $1, guard => $2, hunks => []};
		undef $hunk;
	} elsif ($line =~ /^@ (\S+)$/) {
		$file = $1;
		undef $hunk;
	} elsif ($line =~ /^([-+])(.*\n)$/ && @mutations) {
		undef $hunk if $hunk && $1 eq '-' && $hunk->{'+'} ne '';
		if (!$hunk) {
			$hunk = {file => $file, '-' => '', '+' => ''};
			push @{$mutations[-1]{hunks}}, $hunk;
		}
		$hunk->{$1} .= $2;
	} elsif ($line =~ /^$/) {
		undef $hunk;
	} elsif ($line !~ /^#/) {
		die "$list:$.: $line";
	}
}
if (!defined $number) {
	my $n = 0;
	for my $mutation (@mutations) {
		my %files = map { $_->{file} => 1 } @{$mutation->{hunks}};
		print join("\t", ++$n, $mutation->{tests}, $mutation->{guard},
			join(' ', sort keys %files)), "\n";
	}
	exit 0;
}

my $mutation = $mutations[$number - 1] or die "no mutation $number\n";
my %text;
for my $hunk (@{$mutation->{hunks}}) {
	my $name = $hunk->{file};
	if (!defined $text{$name}) {
		local $/;
		open my $from, '<', $name or die "$name: $!\n";
		$text{$name} = <$from>;
		open my $kept, '>', "$name.kept" or die "$name.kept: $!\n";
		print $kept $text{$name};
		close $kept or die "$name.kept: $!\n";
	}
	die "$mutation->{guard}: a hunk without old lines\n" if $hunk->{'-'} eq '';
	my $old = quotemeta $hunk->{'-'};
	my $count = () = $text{$name} =~ /^$old/mg;
	die "$mutation->{guard}: fits $count times in $name:\n$hunk->{'-'}" if $count != 1;
	$text{$name} =~ s/^$old/$hunk->{'+'}/m;
}
die "$mutation->{guard}: changes nothing\n" if !%text;
open my $changed, '>', $out or die "$out: $!\n";
for my $name (sort keys %text) {
	open my $to, '>', $name or die "$name: $!\n";
	print $to $text{$name};
	close $to or die "$name: $!\n";
	print $changed "$name\n";
}
close $changed or die "$out: $!\n";
