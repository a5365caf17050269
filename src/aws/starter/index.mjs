// Made by autoconnect. It connects to nothing: it shows that the function runs, and where it could connect to.
// Replace it with code of your own.
export const handler = async () => ({
  message: "The function runs. It does not connect to the database yet.",
  host: process.env.DB_HOST ?? null,
  port: process.env.DB_PORT ?? null,
  database: process.env.DB_NAME ?? null,
});
