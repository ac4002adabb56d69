// Web services by a toolkit that nobody here wrote: document and RPC style, SOAP 1.1 and 1.2, user name tokens, faults.
// They listen on a free port, say where on the first line, and end when the standard input does.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import soap from 'soap';

const beside = (name) => new URL(name, import.meta.url).pathname;
const read = (name) => readFileSync(beside(name), 'utf8');

const server = createServer((request, response) => {
  const isSchema = request.url === '/orders.xsd';
  response.writeHead(isSchema ? 200 : 404, { 'content-type': isSchema ? 'text/xml' : 'text/plain' });
  response.end(isSchema ? read('orders.xsd') : 'there is nothing here');
});

/** Whether a user name token is that of `ada`, whose password is `pass<word`, as text or as digest. */
function isKnown(security) {
  const token = security?.UsernameToken;
  if (token?.Username !== 'ada') return false;
  const type = token.Password.attributes?.Type ?? '';
  if (!type.endsWith('#PasswordDigest')) return token.Password.$value === 'pass<word';
  const nonce = Buffer.from(token.Nonce.$value ?? token.Nonce, 'base64');
  const made = createHash('sha1').update(nonce).update(token.Created).update('pass<word').digest('base64');
  return token.Password.$value === made && Date.parse(security.Timestamp.Expires) > Date.now();
}

const fault = (code, reason, detail) => ({ Fault: { faultcode: code, faultstring: reason, detail, statusCode: 500 } });

function orders() {
  const kept = [];
  return {
    CreateOrder({ order }) {
      const total = order.total.$value ?? order.total;
      if (order.reference === 'too dear') {
        throw fault('soap:Server', 'beyond the credit', { CreditExceeded: { limit: '50000.00' } });
      }
      const lines = Array.isArray(order.line) ? order.line : [order.line];
      const made = { ...order, number: `N-${kept.length + 1}`, line: lines };
      // Elements stand in the order of the schema.
      const { attributes, number, reference, line } = made;
      const answer = { number, reference, line, total: { attributes: order.total.attributes, $value: total } };
      if (attributes) answer.attributes = { urgent: attributes.urgent };
      kept.push(answer);
      return { order: answer };
    },
    FindOrders: ({ reference }) => ({ order: kept.filter((order) => order.reference === reference) }),
    Fail({ how }) {
      if (how === 'client') throw fault('soap:Client', 'what was sent is wrong', { why: 'because' });
      if (how === 'server') throw fault('soap:Server', 'it does not work today');
      throw new Error('broken');
    },
  };
}

const CountStock = ({ sku, reserve }) => {
  const of = { sku: sku.$value ?? sku, reserve: Number(reserve.$value ?? reserve) };
  return { level: { sku: of.sku, left: 12 - of.reserve }, checked: true };
};

server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const listen = (path, wsdl, services, options) => new Promise((resolve, reject) => {
    const xml = wsdl.replace(/http:\/\/127\.0\.0\.1:9\/\w+/, url + path);
    const callback = (error, at) => (error ? reject(error) : resolve(at));
    soap.listen(server, { path, services, xml, uri: beside('orders.wsdl'), callback, ...options });
  });
  const described = read('orders.wsdl');
  const newer = described.replace('/wsdl/soap/', '/wsdl/soap12/');
  await listen('/orders', described, { Orders: { OrdersPort: orders() } });
  await listen('/newer', newer, { Orders: { OrdersPort: orders() } }, { forceSoap12Headers: true });
  await listen('/stock', read('stock.wsdl'), { Stock: { StockPort: { CountStock } } });
  const closed = await listen('/closed', described, { Orders: { OrdersPort: orders() } });
  closed.authenticate = (security) => isKnown(security);
  console.log(url);
});
process.stdin.on('end', () => process.exit());
process.stdin.resume();
