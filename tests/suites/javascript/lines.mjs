// A reporter of node's test runner: a line a case, with the names of the suites around it.
export default async function* lines(events) {
    const around = [];
    for await (const { type, data } of events) {
        if (type === 'test:start') {
            around.length = data.nesting;
            around[data.nesting] = data.name;
        } else if ((type === 'test:pass' || type === 'test:fail') && data.details?.type !== 'suite') {
            const verdict = data.skip ? 'SKIP' : type === 'test:pass' ? 'PASS' : 'FAIL';
            const name = [...around.slice(0, data.nesting), data.name].join(' > ');
            yield `${verdict} ${name.replace(/\s+/g, ' ').replace(/^\S*\/test\//, '')}\n`;
            const error = data.details?.error;
            if (error) yield `#   ${String(error.cause ?? error).replace(/\s+/g, ' ')}\n`;
        }
    }
}
