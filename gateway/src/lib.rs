//! The HTTP edge: MCP, public API, SSE hub and web pages.
