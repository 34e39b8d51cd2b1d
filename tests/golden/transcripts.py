#!/usr/bin/env python3
"""Command lines that need no daemon, and what comes of them. Each folder of testdata/config is a case: files, and a
`transcript` of command lines in that folder with all that they say:

    # a remark
    $ A=1 -f other.yaml config --services     variables, and the arguments of vmstead
    $ cd sub && config -q < input.yaml        in a folder of the case, with standard input; either alone as well
      web                                     standard output
    ! error: ...                              standard error
    = 1                                       the exit status, where it is not 0
    ~ the reference ...                       before a `$`: why Docker Compose says something else
    % a registry                              the same: why it is not asked

With --reference, Docker Compose gets the same command lines: it must accept and refuse the same, with the same standard
output, but for those with a `~`, which must differ. It leaves the order of lists to chance.

Usage: transcripts.py [--reference] VMSTEAD FOLDER-OF-CASES [CASE...]     REGENERATE=1 rewrites the transcripts
"""
import difflib
import os
import shlex
import subprocess
import sys

import reference


UNORDERED = {'--services', '--volumes', '--networks', '--images', '--models', '--variables'}


def run(program, folder, line):
    """(exit code, stdout, stderr); where the case lies is no business of the expectation"""
    words, environment = shlex.split(line), {'HOME': '/root/me', 'PATH': '/usr/bin:/bin'}
    stands, source = folder, os.devnull
    if words[0] == 'cd':
        stands, words = os.path.join(folder, words[1]), words[3:]
    if '<' in words:
        source, words = os.path.join(folder, words[-1]), words[:words.index('<')]
    while '=' in words[0] and not words[0].startswith('-'):
        name, _, value = words.pop(0).partition('=')
        environment[name] = value
    with open(source, 'rb') as stdin:
        done = subprocess.run([program, *words], cwd=stands, env=environment, stdin=stdin, timeout=30,
                              capture_output=True)
    return (done.returncode, *(text.decode('utf-8', 'replace').replace(folder, '{DIR}')
                               for text in (done.stdout, done.stderr)))


def commands(transcript):
    """[(the lines before it, the command line)], what comes after the last one"""
    found, before = [], []
    for line in transcript.splitlines():
        if line.startswith('$ '):
            found.append((before, line[2:]))
            before = []
        elif not line.startswith(('  ', '! ', '= ', '!')):
            before.append(line)
    return found, before


def marked(text, mark):
    return [(mark + line).rstrip(' ') for line in text.splitlines()]


def perform(vmstead, folder, transcript):
    """The transcript as it is now."""
    lines, (found, rest) = [], commands(transcript)
    for before, line in found:
        code, out, err = run(vmstead, folder, line)
        lines += [*before, '$ ' + line, *marked(out, '  '), *marked(err, '! '), *([f'= {code}'] if code else [])]
    return '\n'.join([*lines, *rest]) + '\n'


def agree(line, ours, theirs):
    ours, theirs = ours.rstrip('\n').split('\n'), theirs.rstrip('\n').split('\n')
    return ours == theirs or (not UNORDERED.isdisjoint(line.split()) and sorted(ours) == sorted(theirs))


def compare(vmstead, other, folder, transcript):
    """What is wrong, as lines."""
    wrong = []
    for before, line in commands(transcript)[0]:
        if any(remark.startswith('% ') for remark in before):
            continue
        (our_code, ours, _), (their_code, theirs, words) = run(vmstead, folder, line), run(other, folder, line)
        same = (our_code == 0) == (their_code == 0) and agree(line, ours, theirs)
        meant = any(remark.startswith('~ ') for remark in before)
        if meant and same:
            wrong.append(f'  $ {line}: no longer differs; take the ~ away')
        elif not meant and not same:
            wrong += [f'  $ {line}: ends with {our_code}, the reference with {their_code}',
                      *('  ' + part for part in reference.diff(ours, theirs)),
                      *('  ' + part for part in words.strip().splitlines() if their_code)]
    return wrong


def judge(vmstead, other, folder):
    path = os.path.join(folder, 'transcript')
    with open(path, encoding='utf-8') as file:
        transcript = file.read()
    if other:
        return compare(vmstead, other, folder, transcript)
    now = perform(vmstead, folder, transcript)
    if os.environ.get('REGENERATE') == '1':
        with open(path, 'w', encoding='utf-8') as file:
            file.write(now)
        return []
    return ['  ' + line for line in difflib.unified_diff(transcript.splitlines(), now.splitlines(), 'transcript', 'now',
                                                         lineterm='', n=1)]


def main():
    arguments = [word for word in sys.argv[1:] if word != '--reference']
    vmstead, root, names = os.path.abspath(arguments[0]), os.path.abspath(arguments[1]), arguments[2:]
    other = reference.find() if '--reference' in sys.argv else None
    if '--reference' in sys.argv and not other:
        return reference.SKIPPED
    return reference.report(names or sorted(os.listdir(root)),
                            lambda name: judge(vmstead, other, os.path.join(root, name)))


if __name__ == '__main__':
    sys.exit(main())
