#!/usr/bin/env python3
"""Files that somebody made to keep us busy: each is refused within a second of CPU time and 64 MB of memory, with an
error that names its place or the file. What is only large is read.

Usage: hostile.py VMSTEAD [CASE...]; VERBOSE=1 shows the figures
"""
import os
import resource
import subprocess
import sys
import tempfile

MIB = 1024 * 1024
SIZE = 16 * MIB - 1000
CPU_S = 1.0
MEMORY_KB = 64 * 1024

A = 'services:\n  a:\n    image: i\n'
ANCHOR = A + 'x-a: &a {k: 1}\nx-t:\n'


def repeated(head, unit, tail='', size=SIZE):
    """head, as many of unit as the size has room for, tail; in pieces, so that this program stays small."""
    yield head
    piece = unit * max(1, min(4096, size // len(unit)))
    for _ in range(size // len(piece)):
        yield piece
    yield tail


def numbered(head, form, count, tail=''):
    """head, form with every number below count, tail."""
    yield head
    for start in range(0, count, 1000):
        yield ''.join(form % i for i in range(start, min(start + 1000, count)))
    yield tail


def laughs(levels):
    yield A + 'x-0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n'
    for i in range(1, levels):
        yield f'x-{i}: &x{i} [' + ', '.join([f'*x{i - 1}'] * 10) + ']\n'


# NAME: (file, what it holds, a part of the message)
REFUSED = {
    'brackets': ('compose.yaml', lambda: repeated('', '['), 'nest deeper than 64'),
    'braces': ('compose.yaml', lambda: repeated('', '{a: '), 'nest deeper than 64'),
    'dashes': ('compose.yaml', lambda: repeated('', '- '), 'nest deeper than 64'),
    'empty items': ('compose.yaml', lambda: repeated(A + 'x-t:\n', '-\n'), 'a list holds more than'),
    'flow list': ('compose.yaml', lambda: repeated(A + 'x-t: [', '1,', '1]\n'), 'a list holds more than'),
    'flow mappings': ('compose.yaml', lambda: repeated(A + 'x-t: [', '{},', '1]\n'), 'a list holds more than'),
    'many lists': ('compose.yaml', lambda: repeated(A + 'x-t:\n', '- [' + '1,' * 9000 + '1]\n'), 'the files hold more'),
    'keys': ('compose.yaml', lambda: numbered(A + 'x-t:\n', '  k%d: 1\n', 1200000), 'a mapping holds more than'),
    'the same key': ('compose.yaml', lambda: repeated(A + 'x-t:\n', '  k: 1\n'), 'a mapping holds more than'),
    'unknown keys': ('compose.yaml', lambda: numbered(A, '    k%d: 1\n', 1000000), 'a mapping holds more than'),
    'labels': ('compose.yaml', lambda: numbered(A + '    labels:\n', '      l%d: v\n', 200000), 'holds more than'),
    'services': ('compose.yaml', lambda: numbered('services:\n', '  s%d: {image: i}\n', 100000), 'holds more than'),
    'words': ('compose.yaml', lambda: repeated(A + '    command: ', 'a ', 'z\n'), 'has more than 20000 words'),
    'anchors': ('compose.yaml', lambda: numbered(A + 'x-t:\n', '- &a%d 1\n', 1200000), 'a list holds more than'),
    'aliases': ('compose.yaml', lambda: repeated(A + 'x-a: &a [1, 1, 1]\nx-t:\n', '- [*a , *a ]\n'), 'aliases make'),
    'laughs': ('compose.yaml', lambda: laughs(12), 'aliases make more than 100000 values'),
    'long aliases': ('compose.yaml', lambda: repeated(A + 'x-a: &a ' + 'x' * MIB + '\nx-t: [', '*a ,', '1]\n', 40000),
                     'aliases make more than 16 MiB of text'),
    'merge keys': ('compose.yaml', lambda: repeated(ANCHOR, '- <<: *a\n'), 'holds more than'),
    'merge keys in merge keys': ('compose.yaml', lambda: repeated(A + 'x-t: {', '<<: {', '}\n'), 'nest deeper than 64'),
    'documents': ('compose.yaml', lambda: repeated('', '---\nx-a: 1\n'), 'more than 1000 documents'),
    'directives': ('compose.yaml', lambda: numbered('', '%%TAG !e%d! tag:x\n', 700000, '---\n' + A), 'directives'),
    'nested variables': ('compose.yaml', lambda: repeated(A + '    command: "', '${A:-', '"\n', MIB - 100), 'not closed'),
    'variables in braces': ('compose.yaml', lambda: repeated(A + '    command: "', '${A:-{} ', '"\n', MIB - 100), 'nest too'),
    'a long text': ('compose.yaml', lambda: repeated(A + '    command: "', '${HOME}', '"\n'), 'not be larger than 1 MiB'),
    'a text that grows': ('compose.yaml', lambda: repeated(A + '    command: "', '$LONG', '"\n', MIB - 100), 'grows beyond 1'),
    'NULs': ('compose.yaml', lambda: repeated(A, '\0'), 'U+0000'),
    'one byte too many': ('compose.yaml', lambda: repeated(A + '# ', 'c', '', 16 * MIB), 'is larger than 16 MiB'),
    'env_file': ('compose.yaml', lambda: numbered('services:\n', '  s%d: {image: i, env_file: long}\n', 2000), 'files of variables'),
    '.env': ('.env', lambda: repeated('', 'A=1\n'), "cannot read '.env': it is larger than 1 MiB"),
    '.env that doubles': ('.env', lambda: repeated('A=xxxxxxxx\n', 'A=$A$A\n', '', MIB - 100), 'grow'),
    '.env in one line': ('.env', lambda: repeated('', '/="" ', '', MIB - 100), 'in the name of a variable'),
}
ACCEPTED = {
    'one comment': ('compose.yaml', lambda: repeated(A + '# ', 'c')),
    'one text': ('compose.yaml', lambda: repeated(A + 'x-t: ', 'c')),
    'many lines': ('compose.yaml', lambda: repeated(A, '\n')),
    'unset variables': ('compose.yaml', lambda: numbered(A + '    command: "', '${A%d}', 100000, '"\n')),
    'thousands of services': ('compose.yaml', lambda: numbered('services:\n', '  s%d: {image: i, labels: {a: b}}\n', 10000)),
    'a long .env': ('.env', lambda: numbered('', 'A%d=value\n', 20000)),
}


def run(program, name, pieces):
    """(exit code, words, CPU seconds, kilobytes)"""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'compose.yaml'), 'w', encoding='utf-8') as file:
            file.write(A)
        with open(os.path.join(folder, 'long'), 'w', encoding='utf-8') as file:
            file.writelines(numbered('', 'A%d=\n', 20000))
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
            file.writelines(pieces)
        done = subprocess.run([program, 'config', '-q'], cwd=folder, env={'HOME': '/root', 'LONG': 'x' * 100}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False)
    return done.returncode, done.stderr.decode('utf-8', 'replace')


def measured(program, name, pieces):
    """The same with CPU seconds and kilobytes. A process of its own: its children's peak is the one we want."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code, words = run(program, name, pieces)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        report = f'{code}\n{usage.ru_utime + usage.ru_stime}\n{usage.ru_maxrss}\n{words[-30000:]}'
        os.write(writer, report.encode('utf-8')[:65000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, 'rb') as pipe:
        report = pipe.read().decode('utf-8', 'replace')
    os.waitpid(child, 0)
    code, cpu, memory, words = report.split('\n', 3)
    return int(code), words, float(cpu), int(memory)


def check(program, case):
    file, pieces, *message = REFUSED.get(case) or ACCEPTED[case]
    code, words, cpu, memory = measured(program, file, pieces())
    wrong = []
    if case in REFUSED:
        wrong += [f'exit code {code}'] if code != 1 else []
        wrong += [f'no word of "{message[0]}" in: {words[:300]}'] if message[0] not in words else []
        wrong += [f'{memory / 1024:.1f} MB'] if memory > MEMORY_KB else []
    elif code != 0:
        wrong += [f'exit code {code}: {words[:300]}']
    wrong += [f'{cpu:.2f} s'] if cpu > CPU_S else []
    if os.environ.get('VERBOSE'):
        print(f'{case:26} {cpu:5.2f} s {memory / 1024:5.1f} MB {words.splitlines()[:1]}')
    if wrong:
        print(f'FAIL {case}: ' + ', '.join(wrong))
    return bool(wrong)


def main():
    program, *cases = sys.argv[1:]
    program = os.path.abspath(program)
    cases = cases or [*REFUSED, *ACCEPTED]
    failures = sum(check(program, case) for case in cases)
    print(f'{len(cases)} cases, {failures} failures')
    sys.exit(failures > 0)


main()
