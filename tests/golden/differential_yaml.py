#!/usr/bin/env python3
"""The YAML that `config` prints of the cases of testdata/compose is that of Docker Compose, character by character. Where
it is not, for the reasons below, Docker Compose must at least read the same project from it.

Usage: differential_yaml.py VMSTEAD FOLDER-OF-CASES [CASE...]
"""
import os
import sys
import tempfile

import differential
import reference

# CASE: why the text is another. Those of differential.py that differ anyway are not repeated.
DIFFERENT_TEXT = {
    'env-file-warnings': 'what is no UTF-8 is shown as such, not as base64',
    'json-names': 'zeros and numbers below zero that the reference does not read back as it writes them',
    'network-modes': 'an empty network_mode keeps a service out of the default network',
    'yaml-scalars': 'not every reader takes << and = for text',
}


def same_project(other, folder, text):
    """The members in which the reference reads another project from our text."""
    with tempfile.NamedTemporaryFile('w', suffix='.yaml', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        code, again, words = differential.config(
            other, folder, 'json', ['-f', file.name, '--project-directory', folder, '--profile', '*'])
    name = os.path.basename(folder)
    if code != 0:
        return ['  the reference refuses our text: ' + differential.last_line(words)]
    wrong = differential.compare_json(name, again, differential.config(other, folder)[1])
    return [line for line in wrong if 'no longer differs' not in line]  # it does: from our own JSON


def judge(vmstead, other, folder, name):
    """What is wrong with a case, as lines."""
    if name in {**differential.REFUSED_HERE, **differential.REFUSED_THERE}:
        return []
    folder = os.path.join(folder, name)
    our_code, ours, _ = differential.config(vmstead, folder, 'yaml')
    if our_code != 0:
        return []  # differential.py sees to those
    _, theirs, _ = differential.config(other, folder, 'yaml')
    same = ours.rstrip('\n') == theirs.rstrip('\n')
    if same and name in DIFFERENT_TEXT:
        return ['  no longer differs; take it from the list']
    if same or name in DIFFERENT_TEXT or name in differential.DIFFERENT or 'x-vmstead:' in ours:
        return [] if same else same_project(other, folder, ours)
    return ['  ' + line for line in reference.diff(ours, theirs)]


def main():
    vmstead, folder, *names = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), *sys.argv[3:]
    other = reference.find()
    if not other:
        return reference.SKIPPED
    return reference.report(names or sorted(os.listdir(folder)), lambda name: judge(vmstead, other, folder, name))


if __name__ == '__main__':
    sys.exit(main())
