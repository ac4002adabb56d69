// A GraphQL server that nobody here wrote, with a schema that asks something of its callers. It listens on a free port,
// says where on its first line, and ends when its standard input does.
import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";
import { GraphQLError } from "graphql";

const typeDefs = /* GraphQL */ `
  scalar DateTime @specifiedBy(url: "https://scalars.graphql.org/andimarek/date-time")
  interface Node { id: ID! }
  enum Level { LOW HIGH }
  type Ticket implements Node { id: ID! subject: String! level: Level! openedAt: DateTime! owner: Person weight: Int }
  type Person implements Node { id: ID! name: String! email: String weight: String }
  union Found = Ticket | Person
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type TicketEdge { cursor: String! node: Ticket! }
  type TicketConnection { edges: [TicketEdge!]! pageInfo: PageInfo! }
  input TicketInput { subject: String! level: Level = LOW }
  type TicketPayload { ticket: Ticket }
  type Query {
    ticket(id: ID!): Ticket
    tickets(first: Int, after: String, level: Level): TicketConnection!
    find(text: String!): [Found!]!
    fragile: Ticket
    secret: String
  }
  type Mutation {
    ticketOpen(input: TicketInput!): TicketPayload!
    ticketDelete(id: ID!): ID
  }
`;

const people = [{ __typename: "Person", id: "p1", name: "Ada", email: "ada@example.com", weight: "light" }];
let tickets = Array.from({ length: 25 }, (_, n) => ({
  __typename: "Ticket",
  id: `t${n + 1}`,
  subject: `Ticket ${n + 1}`,
  level: n % 5 === 0 ? "HIGH" : "LOW",
  openedAt: "2026-11-21T08:00:00Z",
  owner: people[0],
  weight: n,
}));

const failure = (message, code) => new GraphQLError(message, { extensions: { code } });

const resolvers = {
  Ticket: {
    owner: (ticket) => {
      if (ticket.fragile) throw failure("the owner cannot be told", "DOWNSTREAM_SERVICE_ERROR");
      return ticket.owner;
    },
  },
  Query: {
    ticket: (_, { id }) => tickets.find((ticket) => ticket.id === id),
    tickets: (_, { first = 10, after, level }) => {
      const all = tickets.filter((ticket) => !level || ticket.level === level);
      const from = after ? all.findIndex((ticket) => ticket.id === after) + 1 : 0;
      const page = all.slice(from, from + first);
      return {
        edges: page.map((node) => ({ cursor: node.id, node })),
        pageInfo: { hasNextPage: from + first < all.length, endCursor: page.at(-1)?.id ?? null },
      };
    },
    find: (_, { text }) => [...tickets, ...people].filter((of) => (of.subject ?? of.name).includes(text)),
    fragile: () => ({ ...tickets[0], fragile: true }),
    secret: () => {
      throw failure("sign in first", "UNAUTHENTICATED");
    },
  },
  Mutation: {
    ticketOpen: (_, { input }) => {
      if (input.subject === "refused") throw failure("no such subject", "BAD_USER_INPUT");
      const ticket = { __typename: "Ticket", id: `t${tickets.length + 1}`, openedAt: "2026-11-21T09:00:00Z", ...input };
      tickets.push(ticket);
      return { ticket };
    },
    ticketDelete: (_, { id }) => {
      tickets = tickets.filter((ticket) => ticket.id !== id);
      return id;
    },
  },
};

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false, maskedErrors: false });
const server = createServer(yoga);
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/graphql`));
process.stdin.on("end", () => process.exit(0)).resume();
