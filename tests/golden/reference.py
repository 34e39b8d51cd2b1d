"""What the tests against Docker Compose share: where it is, and how cases are walked through."""
import difflib
import os
from concurrent.futures import ThreadPoolExecutor

SKIPPED = 77
FETCHED = '/tmp/reference-compose/usr/libexec/docker/cli-plugins/docker-compose'
SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '..', 'shared')


def find():
    """The program that ../shared/tools/reference-compose has fetched, or $REFERENCE_COMPOSE. None, and says so, where
    there is none: a test does not fetch."""
    program = os.environ.get('REFERENCE_COMPOSE', FETCHED)
    for path in (SHARED, program):
        if not os.path.exists(path):
            print(f'skipped: there is no {path}')
            return None
    return program


def diff(ours, theirs):
    return difflib.unified_diff(theirs.splitlines(), ours.splitlines(), 'the reference', 'ours', lineterm='', n=1)


def report(names, judge):
    """Judges all, two at a time; each gives what is wrong as lines. Returns the exit status."""
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(judge, names))
    for name, wrong in zip(names, results):
        if wrong:
            print('\n'.join([f'FAIL {name}', *wrong]))
    failures = sum(1 for wrong in results if wrong)
    print(f'{len(names)} cases, {failures} failures')
    return failures > 0
