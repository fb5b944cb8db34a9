"""Expressions have the values that the language and Kubernetes' libraries define.

Source: kubernetes.io/docs/reference/using-api/cel, kubernetes.io/docs/tasks/extend-kubernetes/custom-resources (validation rules)
"""

from __future__ import annotations

import pytest

from minikube_py.apis.cel.errors import CelError

TRUE = """
self.count <= 10 && self.count >= 1
self.name.startsWith('web')
self.name.endsWith('-1')
self.text.contains('Welt')
size(self.text) == 11
self.name.matches('^web-[0-9]+$')
!self.name.matches('^x')
self.name in ['web-1', 'web-2']
!('z' in self.names)
'app' in self.labels
self.labels.all(key, key.size() <= 4)
self.labels['tier'] == 'front'
self.labels.app == 'web'
has(self.name) && !has(self.absent)
!has(self.maybe)
has(self.inner.more.depth)
self.?absent.orValue('none') == 'none'
self.?name.hasValue()
self.?inner.?more.?depth.orValue(0) == 2
self.labels[?'tier'].orValue('') == 'front'
self.labels[?'none'].hasValue() == false
self.numbers[?9] == optional.none()
self.?name.optMap(n, n.size()).value() == 5
self.?absent.optMap(n, n.size()).orValue(-1) == -1
self.?inner.optFlatMap(i, i.?depth).value() == 1
optional.ofNonZeroValue('').orValue('x') == 'x'
self.?absent.or(self.?name).value() == 'web-1'
[?self.?absent, ?self.?name] == ['web-1']
{?'a': self.?absent, 'b': 'c'} == {'b': 'c'}
[optional.of(1), optional.none()].unwrapOpt() == [1]
self.numbers.first().value() == 3 && self.numbers.last().value() == 2
self.numbers.exists(n, n == 1) && !self.numbers.exists(n, n > 3)
self.numbers.exists_one(n, n > 2)
self.numbers.map(n, n * 2) == [6, 2, 4]
self.numbers.map(n, n > 1, n * 2) == [6, 4]
self.numbers.filter(n, n < 3) == [1, 2]
self.numbers.all(i, n, i + n < 5)
self.numbers.exists(i, n, i == 0 && n == 3)
self.numbers.existsOne(i, n, i + n == 3 && n == 3)
self.numbers.transformList(i, n, i * n) == [0, 1, 4]
self.numbers.transformList(i, n, n > 1, n) == [3, 2]
self.labels.transformMap(k, v, v + '!') == {'app': 'web!', 'tier': 'front!'}
self.labels.transformMap(k, v, k == 'app', v) == {'app': 'web'}
self.labels.transformMapEntry(k, v, {v: k}) == {'web': 'app', 'front': 'tier'}
self.numbers.sum() == 6 && self.numbers.min() == 1 && self.numbers.max() == 3
!self.numbers.isSorted() && [1, 2, 2].isSorted()
self.names.indexOf('a') == 1 && self.names.indexOf('z') == -1
[1, 2, 1].lastIndexOf(1) == 2
self.numbers.sort() == [1, 2, 3] && self.names.sort() == ['a', 'b', 'c']
self.items.sortBy(i, -i.value).map(i, i.key) == ['y', 'x']
[1, 2, 3, 4].slice(1, 3) == [2, 3]
[[1, 2], [3]].flatten() == [1, 2, 3]
[1, 2, 1].distinct() == [1, 2]
[1, 2].reverse() == [2, 1]
lists.range(3) == [0, 1, 2]
sets.contains([1, 2], [2]) && sets.equivalent([1, 1, 2], [2, 1]) && sets.intersects([1], [1, 2])
!sets.contains([1], [2]) && !sets.intersects([1], [2])
'a-b'.split('-') == ['a', 'b'] && 'a-b-c'.split('-', 2) == ['a', 'b-c']
['a', 'b'].join('/') == 'a/b' && ['a', 'b'].join() == 'ab'
'Hello'.lowerAscii() == 'hello' && 'Hello'.upperAscii() == 'HELLO'
'hello'.replace('l', 'L') == 'heLLo' && 'hello'.replace('l', 'L', 1) == 'heLlo'
'hello'.substring(1) == 'ello' && 'hello'.substring(1, 3) == 'el'
'hello'.charAt(4) == 'o' && 'hello'.charAt(5) == ''
'hello'.indexOf('l') == 2 && 'hello'.lastIndexOf('l') == 3 && 'hello'.indexOf('l', 3) == 3
'  hello '.trim() == 'hello'
'%s is %d, %.1f, %X, %b'.format([dyn('x'), dyn(5), dyn(2.25), dyn(255), dyn(5)]) == 'x is 5, 2.2, FF, 101'
'%s has %s'.format([self.name, string(self.count)]) == 'web-1 has 3'
'%d%%'.format([5]) == '5%'
'%s'.format([[1, 2]]) == '[1, 2]' && '%s'.format([{'a': 1}]) == '{"a":1}'
'%.2f'.format([1.005]) == '1.00' && '%x'.format(['ab']) == '6162' && '%o'.format([8]) == '10'
'%d %s %f %s'.format([1, 'abc', 1234.5, duration('1m')]) == '1 abc 1,234.500000 60s'
'%e'.format([3.14]) == '3.140000\u202f\u00d7\u202f10\u2070\u2070'
'%.1e'.format([0.5]) == '5.000000\u202f\u00d7\u202f10\u207b\u2070\u00b9'
'%s'.format([{10: true, 1: false}]) == '{1:false, 10:true}'
strings.quote('a"b') == '"a\\\\"b"'
'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == ''
'1a2b'.findAll('[0-9]') == ['1', '2'] && '1a2b'.findAll('[0-9]', 1) == ['1']
isURL('https://example.com:80/path') && !isURL('../relative') && !isURL('http://a b/')
url('https://example.com:80/p?a=1&a=2').getHost() == 'example.com:80'
url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'
url('https://example.com').getScheme() == 'https' && url('/path').getEscapedPath() == '/path'
url('https://example.com/path with spaces/').getEscapedPath() == '/path%20with%20spaces/'
url('https://h/?k1=a&k2=b&k2=c').getQuery() == {'k1': ['a'], 'k2': ['b', 'c']}
isIP('10.0.0.1') && isIP('::1') && !isIP('10.0.0.300') && !isIP('fe80::1%eth0')
ip('192.168.0.1').family() == 4 && ip('2001:db8::1').family() == 6
ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD')
ip('127.0.0.1').isLoopback() && ip('0.0.0.0').isUnspecified() && ip('224.0.0.1').isLinkLocalMulticast()
ip('169.254.1.1').isLinkLocalUnicast() && ip('192.168.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()
string(ip('::ffff')) == '::ffff' && ip('10.0.0.1') == ip('10.0.0.1')
isCIDR('192.168.0.0/16') && !isCIDR('192.168.0.0/33') && !isCIDR('10.0.0.1')
cidr('192.168.0.0/16').containsIP('192.168.4.5') && !cidr('192.168.0.0/16').containsIP(ip('10.0.0.1'))
cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))
cidr('192.168.1.5/24').masked() == cidr('192.168.1.0/24') && cidr('192.168.1.5/24').ip() == ip('192.168.1.5')
cidr('::1/128').prefixLength() == 128 && string(cidr('10.0.0.0/8')) == '10.0.0.0/8'
isQuantity('1.5Gi') && !isQuantity('1.5 Gi')
quantity('50k').add(quantity('20k')) == quantity('70k') && quantity('50k').sub(20000) == quantity('30k')
quantity('200M').compareTo(quantity('0.2G')) == 0 && quantity('50Mi').isGreaterThan(quantity('50M'))
quantity('50k').asInteger() == 50000 && quantity('500m').asApproximateFloat() == 0.5 && !quantity('500m').isInteger()
sign(quantity('-5')) == -1 && sign(quantity('0')) == 0
isSemver('1.2.3-rc.1+build') && !isSemver('v1.0') && isSemver('v1.0', true)
semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').compareTo(semver('1.0.0')) == -1
semver('v01.01', true) == semver('1.1.0') && semver('1.2.3').major() == 1 && semver('1.2.3').patch() == 3
format.dns1123Label().validate('web-1').hasValue() == false
format.dns1123Label().validate('Web').value().size() == 1
format.portName().validate('http') == optional.none() && format.portName().validate('80').hasValue()
format.date().validate('2021-W01-1').hasValue()
format.named('uuid').value().validate('123e4567-e89b-12d3-a456-426614174000') == optional.none()
!format.named('none').hasValue() && format.uri().validate('x').hasValue() && !format.byte().validate('aGk=').hasValue()
!format.date().validate('2021-01-01').hasValue() && format.date().validate('2021-13-01').hasValue()
self.day < timestamp('2024-03-01T00:00:00Z') && self.moment.getHours() == 12
self.moment.getHours('Europe/Berlin') == 13 && self.moment.getDayOfWeek() == 4 && self.moment.getMonth() == 1
self.moment - self.day == duration('12h30m15.5s') && self.day.getDayOfYear() == 59
self.span > duration('1h') && self.span.getMinutes() == 90 && self.span + duration('30m') == duration('2h')
string(timestamp('2011-08-18T19:03:37.01+01:00') + duration('1h')) == '2011-08-18T20:03:37.01+01:00'
timestamp('2011-08-18T19:03:37.01+01:00') == timestamp('2011-08-18T18:03:37.01Z')
timestamp('2011-08-18T23:03:37+01:00').getHours() == 22 && string(timestamp('2011-08-18T19:03:37-00:30')).endsWith('-00:30')
optional.ofNonZeroValue(timestamp('0001-01-01T00:00:00Z')) == optional.none()
string(self.span) == '5400s' && string(self.moment) == '2024-02-29T12:30:15.5Z'
self.data == b'hello' && string(self.data) == 'hello' && size(self.data) == 5
type(self.either) == int && type(self.percent) == string && self.either == 7
type(self.percent) == string ? self.percent.endsWith('%') : self.percent < 10
self.__namespace__ == 'prod' && self.namespace == 'prod'
self.dash__dash__ed == 'd' && self.dot__dot__ted == 't' && self.sl__slash__ash == 's' && self.under__underscores__score == 'u'
self.set == self.set2 && self.set == ['b', 'a'] && self.map == oldSelf.map && self.numbers != [1, 2, 3]
self.set + ['b', 'c'] == ['c', 'a', 'b'] && (self.set + self.set2).size() == 2
(self.map + oldSelf.map).size() == 2 && (self.items + self.items).size() == 4
self.embedded.metadata.name == 'e' && self.embedded.kind == 'Thing' && self.embedded.spec.size == 4
self == oldSelf && self.inner == oldSelf.inner && self.opaque == oldSelf.opaque
int('12') == 12 && double('1.5') == 1.5 && string(1.5) == '1.5' && uint(3) == 3u && bool('true')
int(-1.9) == -1 && int(timestamp('1970-01-01T00:01:00Z')) == 60 && string(1e7) == '1e+07' && string(true) == 'true'
7 / 2 == 3 && -7 / 2 == -3 && -7 % 2 == -1 && 7.0 / 2.0 == 3.5 && 1.0 / 0.0 > 1.0
!(double(9223372036854775806) > 9223372036854775806) && dyn(9007199254740993) == 9007199254740992.0
1 < 1.5 && 2u > 1 && dyn(1) == 1.0 && dyn(1) != '1' && dyn(true) != 1
(1 / 0 == 1) || true
!((1 / 0 == 1) && false)
[1, 0].exists(n, 1 / n == 1) && ![0, 1].all(n, 1 / n == 2)
'a' < 'b' && b'a' < b'b' && false < true && 'é' > 'z'
""".strip().splitlines()

ERRORS = {
    "self.numbers[3]": "index out of bounds: 3",
    "self.labels.none": "no such key: none",
    "self.labels['none'] == 'x'": "no such key: none",
    "self.absent == 'x'": "no such key: absent",
    "self.count / 0 == 1": "division by zero",
    "self.count % 0 == 1": "modulus by zero",
    "9223372036854775807 + self.count": "integer overflow",
    "-9223372036854775807 - 2 - self.count": "integer overflow",
    "self.count * 9223372036854775807": "integer overflow",
    "1u - 2u": "unsigned integer overflow",
    "duration(self.count) == self.span": "type conversion error from 'int' to 'google.protobuf.Duration'",
    "'%d'.format([dyn(self.moment)])":
        "error during formatting: decimal clause can only be used on integers, was given google.protobuf.Timestamp",
    "int('x')": "type conversion error from 'string' to 'int'",
    "bool('yes')": "type conversion error from 'string' to 'bool'",
    "string(b'\\xff')": "invalid UTF-8 in bytes, cannot convert to string",
    "self.percent < 5": "no such overload",
    "self.either + 'x'": "no such overload",
    "self.either.startsWith('x')": "no such overload: startsWith(int, string)",
    "[].max()": "max called on empty list",
    "'abc'.charAt(4)": "index out of range: 4",
    "'abc'.substring(2, 1)": "invalid substring range. start: 2, end: 1",
    "[1].slice(0, 2)": "cannot slice(0, 2), list is length 1",
    "ip('10.0.0.1.0')":
        'IP Address "10.0.0.1.0" parse error during conversion from string: ParseAddr("10.0.0.1.0"): IPv4 address too long',
    "ip('::12345')":
        'IP Address "::12345" parse error during conversion from string: ParseAddr("::12345"): each group must have 4 or less digits '
        '(at "12345")',
    "ip('2001:db8:::68')":
        'IP Address "2001:db8:::68" parse error during conversion from string: ParseAddr("2001:db8:::68"): each colon-separated field '
        'must have at least one digit (at ":68")',
    "ip('x')": 'IP Address "x" parse error during conversion from string: ParseAddr("x"): unable to parse IP',
    "ip('::ffff:1.2.3.4')": 'IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed',
    "quantity('abc')": "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    "semver('1.0')": "No Major.Minor.Patch elements found",
    "url('../x')": 'URL parse error during conversion from string: parse "../x": invalid URI for request',
    "optional.none().value()": "optional.none() dereference",
    "self.numbers.transformMap(i, n, n).transformMapEntry(k, v, {'a': v})": "insert failed: key a already exists",
    "self.moment.getHours('Nowhere/Else')": "unknown time zone Nowhere/Else",
    "'%d'.format(['x'].map(x, dyn(x)))": "error during formatting: decimal clause can only be used on integers, was given string",
}


@pytest.mark.parametrize("expression", TRUE)
def test_true(evaluate, expression):
    assert evaluate(expression) is True


@pytest.mark.parametrize("expression", ERRORS)
def test_errors_say_what_upstream_says(evaluate, expression):
    with pytest.raises(CelError) as raised:
        evaluate(expression)
    assert str(raised.value) == ERRORS[expression]
