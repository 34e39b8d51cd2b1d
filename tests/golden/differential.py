#!/usr/bin/env python3
"""The cases of testdata/compose against Docker Compose itself: what it refuses is refused, what it accepts gives
the same `config --format json`. Deviations that are meant stand below, each with its reason; one that is gone is a
failure too, so that the lists stay true.

Usage: differential.py VMSTEAD FOLDER-OF-CASES [CASE...]
"""
import fnmatch
import json
import os
import subprocess
import sys

import reference

TIMEOUT_S = 20

# CASE: why we refuse what the reference accepts.
REFUSED_HERE = {
    'dotenv-nul': 'a NUL would cut the value off for whoever runs it',
    'include-fan': 'includes that multiply are refused before they cost minutes, as the reference lets them',
    'interpolation-deep': 'the depth of nested variables is bounded',
    'ports-too-many': 'ports made by ranges are bounded',
    'replica-bad': 'VMSTEAD_REPLICA is ours: known to each VM alone',
    'yaml-bomb': 'nodes born from aliases are bounded; the reference thinks for half a minute',
    'yaml-nul': 'a NUL would cut the string off for whoever runs it',
    'yaml-utf16': 'files are UTF-8, whatever mark they begin with',
}

# Of these: what the reference would take minutes for; it is not asked.
SLOW_THERE = {'include-fan', 'yaml-bomb'}

# CASE: why we accept what the reference refuses.
REFUSED_THERE = {
    'attributes': 'the reference fails to write build.ssh as JSON',
    'merge-forms': 'the reference cannot merge some short forms with long ones, nor the same label of a volume twice',
    'include-forms': 'the reference compares an included definition with the text of one that means the same',
    'shop': 'x-vmstead.bootstrap makes an image',
    'volumes': 'subpath of a bind mount',
    'waits': 'x-vmstead.bootstrap makes an image',
    'waits-bad': 'x-vmstead.bootstrap makes an image',
}

# CASE: {members that differ (a glob over a/b/c): why}
DIFFERENT = {
    'build': {'services/empty/build/context': 'an empty build is the project\'s folder'},
    'build-empty': {'services/a/build/context': 'an empty build is the project\'s folder',
                    'services/?/build/dockerfile': 'what is printed has to read back as the same'},
    'extensions': {'services/a/environment/*': 'the reference takes a variable x-... for an extension',
                   'services/a/labels/*': 'the same of a label'},
    'interpolation': {'services/a/environment/*SET': 'a $ in a key is never read as a variable: doubled it would not read back'},
    'interpolation-warnings': {'services/a/labels/*': 'a $$ in a key would not be read back as a $'},
    'replica': {'services/a/environment/*': 'VMSTEAD_REPLICA is ours',
                'services/a/hostname': 'VMSTEAD_REPLICA is ours',
                'x-common/ID': 'VMSTEAD_REPLICA is ours'},
}

# In every case: the reference leaves x- keys out of its JSON, but ours keeps what vmstead itself reads.
DIFFERENT_EVERYWHERE = ['services/*/x-vmstead']


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as file:
        return [line for line in file.read().split('\n') if line]


def config(program, folder, shape='json', arguments=None):
    """(exit code or None for too long, stdout, stderr); arguments: instead of the case's files"""
    environment = dict(line.split('=', 1) for line in read_lines(os.path.join(folder, 'environment')))
    files = arguments or [word for name in read_lines(os.path.join(folder, 'files')) for word in ('-f', name)]
    try:
        done = subprocess.run([program, *files, 'config', '--format', shape], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return None, '', f'(no answer in {TIMEOUT_S} s)'
    return done.returncode, done.stdout.decode('utf-8', 'replace'), done.stderr.decode('utf-8', 'replace')


def differences(ours, theirs, path=''):
    """The members in which two values differ: [(a/b/c, ours, theirs)], '-' for one that is not there."""
    def inside(key):
        return f'{path}/{key}' if path else str(key)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [found for key in sorted(ours.keys() | theirs.keys())
                for found in ([(inside(key), ours.get(key, '-'), theirs.get(key, '-'))]
                              if (key in ours) != (key in theirs)
                              else differences(ours[key], theirs[key], inside(key)))]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [found for index, pair in enumerate(zip(ours, theirs)) for found in differences(*pair, inside(index))]
    return [] if type(ours) is type(theirs) and ours == theirs else [(path, ours, theirs)]


def compare_json(name, ours, theirs):
    """What is wrong, as lines."""
    meant = DIFFERENT.get(name, {})
    found = differences(json.loads(ours), json.loads(theirs))
    used = {glob for glob in meant if any(fnmatch.fnmatchcase(path, glob) for path, _, _ in found)}
    wrong = [f'  {path}: ours {json.dumps(a)[:200]}, the reference {json.dumps(b)[:200]}' for path, a, b in found
             if not any(fnmatch.fnmatchcase(path, glob) for glob in [*meant, *DIFFERENT_EVERYWHERE])]
    wrong += [f'  {glob}: no longer differs; take it from the list' for glob in meant if glob not in used]
    if not found and json.dumps(json.loads(ours)) != json.dumps(json.loads(theirs)):
        wrong += ['  the same members in another order', *('  ' + line for line in reference.diff(ours, theirs))]
    return wrong


def last_line(text):
    return (text.strip().split('\n') or [''])[-1]


def judge(vmstead, other, folder, name):
    """What is wrong with a case, as lines."""
    folder = os.path.join(folder, name)
    our_code, ours, our_words = config(vmstead, folder)
    if name in SLOW_THERE:
        return [] if our_code == 1 else [f'  ours ends with {our_code}']
    their_code, theirs, their_words = config(other, folder)
    if our_code not in (0, 1) or their_code is None:
        return [f'  ours ends with {our_code}, the reference with {their_code}', '  ' + last_line(our_words + their_words)]
    if name in REFUSED_HERE or name in REFUSED_THERE:
        as_meant = (our_code == 0) == (name in REFUSED_THERE) and (our_code == 0) != (their_code == 0)
        return [] if as_meant else ['  no longer as the list says']
    if our_code == 0 and their_code == 0:
        return compare_json(name, ours, theirs)
    if (our_code == 0) == (their_code == 0):
        return []
    return [f'  refused by {"us" if our_code else "the reference"} alone: {last_line(our_words if our_code else their_words)}']


def main():
    vmstead, folder, *names = os.path.abspath(sys.argv[1]), *sys.argv[2:]
    other = reference.find()
    if not other:
        return reference.SKIPPED
    return reference.report(names or sorted(os.listdir(folder)), lambda name: judge(vmstead, other, folder, name))


if __name__ == '__main__':
    sys.exit(main())
